"""What names become: hashes of paths, which say where on the ring and in the file system something lives."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from hashlib import md5

import msgspec

#: What servers and rings are of.
KINDS = ("account", "container", "object")
#: What names of the store's own begin with, and what is between their parts: no client can say it.
RESERVED = "\0"


def reserved(*parts: str) -> str:
    """A name that clients can neither use nor see."""
    return RESERVED + RESERVED.join(parts)


class Hashing(msgspec.Struct, frozen=True, kw_only=True):
    """The cluster's own salt: without it nobody can choose names that fall on one partition."""

    prefix: str = ""
    suffix: str = ""

    def hash(self, account: str, container: str | None = None, obj: str | None = None) -> str:
        """The name's hash, 32 hexadecimal digits."""
        path = account if container is None else f"{account}/{container}" if obj is None else f"{account}/{container}/{obj}"
        salted = f"{self.prefix}/{path}{self.suffix}"
        return md5(salted.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()


def partition(hash: str, part_power: int) -> int:
    """The partition a hash falls on: its first bits."""
    return int(hash[:8], 16) >> (32 - part_power)


def folder(partition: int, hash: str) -> str:
    """Where a hash is kept below `objects`, `containers` or `accounts`."""
    return f"{partition}/{hash[-3:]}/{hash}"
