"""Realms: clusters whose operators share a secret, from a file in the form of Swift's container-sync-realms.conf.

    [realm1]
    key = SECRET
    key2 = the one before, while it is changed
    cluster_name1 = https://host1/v1/

The file is read again when it changed.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import configparser
import hmac
from collections.abc import Mapping
from pathlib import Path

import msgspec

from pileus.core.clock import Clock
from pileus.core.log import Log

log = Log("pileus.object_store")
LOOK_AGAIN_S = 10.0


class Realm(msgspec.Struct, frozen=True, kw_only=True):
    """`clusters`: the URLs of their APIs, by their names in capitals."""

    key: str = ""
    key2: str = ""
    clusters: dict[str, str] = {}


class Realms:
    def __init__(self, path: str, clock: Clock):
        self.path, self.clock = Path(path) if path else None, clock
        self.known: Mapping[str, Realm] = {}
        self.changed, self.until = 0.0, 0.0

    def all(self) -> Mapping[str, Realm]:
        """By their names in capitals. A file that is wrong changes nothing."""
        if self.path is not None and (now := self.clock.monotonic()) >= self.until:
            self.until = now + LOOK_AGAIN_S
            try:
                if (changed := self.path.stat().st_mtime) != self.changed:
                    self.known, self.changed = read(self.path.read_text()), changed
            except (OSError, ValueError, configparser.Error) as problem:
                log.warning("the file of realms cannot be read", file=str(self.path), error=str(problem))
        return self.known


def read(text: str) -> dict[str, Realm]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    found = {}
    for section in parser.sections():
        options = dict(parser.items(section))
        clusters = {n.removeprefix("cluster_").upper(): url for n, url in options.items() if n.startswith("cluster_")}
        found[section.upper()] = Realm(key=options.get("key", ""), key2=options.get("key2", ""), clusters=clusters)
    return found


def signature(said: tuple[str, str, str, str], realm_key: str, user_key: str) -> str:
    """`said`: method, path as it is in the URL, X-Timestamp, nonce. The digest is what the protocol wants."""
    message = "\n".join((*said, user_key)).encode("utf-8", "surrogateescape")
    return hmac.new(realm_key.encode(), message, "sha1").hexdigest()
