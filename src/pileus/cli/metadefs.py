"""`pileus image load-metadefs`: definitions of properties, from files or those that come with Pileus."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
import urllib.error
from pathlib import Path
from urllib.parse import quote

import msgspec

from pileus.cli.api import Client, NotRunning
from pileus.cli.options import STATE, State

NAMESPACES = "/image/v2/metadefs/namespaces"


def load_metadefs(*files: Path, replace: bool = False, state: State = STATE) -> int:
    """Load metadata definitions into the running cloud. Namespaces that are there already stay as they are.

    Parameters
    ----------
    files
        JSON files, each a namespace or a list of them (default: those that come with Pileus).
    replace
        Replace namespaces that are there already.
    """
    from pileus.image.metadefs.shipped import DefinitionsUnreadable, read, shipped

    try:
        wanted = read(files) if files else shipped()
        client = Client(state, "pileus-admin")
        made = [one.namespace for one in wanted if _load(client, msgspec.to_builtins(one), replace)]
    except (NotRunning, DefinitionsUnreadable, urllib.error.HTTPError) as problem:
        print(f"pileus: {problem}", file=sys.stderr)
        return 1
    print(f"loaded {len(made)} of {len(wanted)} namespaces")
    return 0


def _load(client: Client, namespace: dict, replace: bool) -> bool:
    """Make a namespace; False when there is one of that name, which stays."""
    try:
        client.send("POST", NAMESPACES, namespace)
        return True
    except urllib.error.HTTPError as refused:
        if refused.code != 409:
            raise
    if not replace:
        return False
    path = f"{NAMESPACES}/{quote(namespace['namespace'], safe='')}"
    client.send("PUT", path, {"namespace": namespace["namespace"], "protected": False})
    client.send("DELETE", path)
    client.send("POST", NAMESPACES, namespace)
    return True
