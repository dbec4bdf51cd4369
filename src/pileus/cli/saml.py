"""`pileus identity rotate-saml-key`: the key that assertions for other clouds are signed with, in two steps."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pileus.cli.keys import saml_key
from pileus.cli.options import STATE, State, configuration

if TYPE_CHECKING:
    from pileus.identity.federation.saml_key import SamlKey


def rotate_saml_key(*, finish: bool = False, state: State = STATE) -> int:
    """Publish the certificate of the next key in this cloud's SAML metadata; with --finish: sign with that key.

    Finish when all service providers have read the metadata again: until then they believe the present key only.
    """
    from pileus.core.clock import Clock
    from pileus.core.ids import Ids
    from pileus.identity.federation.saml_key import SamlKey, staged_of

    path = saml_key(configuration(state), state)
    if not path.exists():
        print(f"There is no key in {path}: nothing has been signed yet.", file=sys.stderr)
        return 1
    key = SamlKey(path, Clock(), Ids())
    try:
        return _begin(key, staged_of(path)) if not finish else _finish(key, path)
    except ValueError as wrong:
        print(f"A file beside {path} is not right: {wrong}", file=sys.stderr)
        return 1


def _begin(key: SamlKey, staged: Path) -> int:
    key.stage()
    print(f"The certificate of {staged} is in the metadata. When all service providers have read them again, use --finish.")
    return 0


def _finish(key: SamlKey, path: Path) -> int:
    if not key.promote():
        print("There is no next key: make one first, without --finish.", file=sys.stderr)
        return 1
    print(f"Assertions are signed with the new key of {path}.")
    return 0
