"""What the object server asks of wherever objects are kept. `diskfile.py` keeps them as files, `memory.py` in memory.

Everything here blocks, and is called in a thread of the device.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Protocol

import msgspec

from pileus.object_store.wire.body import CHUNK, Body

Metadata = dict[str, str]


class Missing(Exception):
    """There is no such object; `timestamp` is when it was deleted, as far as that is known."""

    def __init__(self, timestamp: str | None = None):
        super().__init__(timestamp)
        self.timestamp = timestamp


class Quarantined(Missing):
    """What was there was damaged, and was put away."""


class Found(msgspec.Struct, kw_only=True):
    """An object as it is now. Owns an open file: give it away by `body`, or `close`."""

    metadata: Metadata                      # all of it, the newest of each kind
    timestamp: str                          # when its body was put
    meta_timestamp: str                     # when its metadata was replaced
    ctype_timestamp: str                    # when its content type was given
    size: int
    content: Any                            # what the body is read from

    def body(self, start: int, length: int) -> Body:
        return self.content.body(start, length)

    def close(self) -> None:
        self.content.close()


class Content:
    """A body that is in memory."""

    def __init__(self, content: bytes):
        self.content = content

    def read(self, start: int, length: int) -> bytes:
        return self.content[start:start + length]

    async def body(self, start: int, length: int) -> AsyncIterator[bytes]:
        for at in range(start, start + length, CHUNK):
            yield self.content[at:min(at + CHUNK, start + length)]

    def close(self) -> None:
        pass


class Writer(Protocol):
    """A new body. Nothing of it can be seen before `commit`; `abort` leaves nothing behind and may be called always."""

    def write(self, data: bytes) -> None: ...

    def commit(self, timestamp: str, metadata: Mapping[str, str]) -> None: ...

    def commit_as(self, name: str, metadata: Mapping[str, str]) -> None: ...

    def abort(self) -> None: ...


class Files(Protocol):
    """The objects of one policy on one device. `part` and `hash` say which."""

    def open(self, part: int, hash: str) -> Found:
        """Raises Missing."""

    def create(self, part: int, hash: str, size: int | None) -> Writer:
        """Begin a body; `size` is how long it will be, if known. Raises OSError when it does not fit."""

    def delete(self, part: int, hash: str, timestamp: str) -> None:
        """Leave a tombstone. Older files go away; newer ones stay, and win."""

    def update(self, part: int, hash: str, timestamp: str, metadata: Mapping[str, str], ctype_timestamp: str = "") -> None:
        """Replace the metadata; with `ctype_timestamp`, the content type as well."""

    # ---- fragments ---------------------------------------------------------------------------------------------------
    def names(self, part: int, hash: str) -> list[str]:
        """The files that count."""

    def open_fragment(self, part: int, hash: str, timestamp: str, index: int) -> Found:
        """One fragment as it is, without what was posted later. Raises Missing."""

    def make_durable(self, part: int, hash: str, timestamp: str, index: int) -> None:
        """Enough of its siblings are there: it counts, and what is older goes away. Repeatable. Raises Missing."""

    # ---- for replication ---------------------------------------------------------------------------------------------
    def partitions(self) -> list[int]:
        """The partitions that are here, whichever should be."""

    def hashes(self, part: int, *, all_again: bool = False) -> dict[str, str]: ...

    def suffix(self, part: int, suffix: str) -> dict[str, list[str]]: ...

    def read_file(self, part: int, hash: str, name: str) -> tuple[Metadata, Any, int]: ...

    def store_file(self, part: int, hash: str, name: str, writer: Writer | None, metadata: Mapping[str, str]) -> None:
        """Keep a file that another replica has, under its name; `writer` holds the body of a `.data`."""

    def remove(self, part: int, hash: str, names: Iterable[str]) -> None: ...

    def remove_partition(self, part: int) -> bool: ...

    def quarantine(self, part: int, hash: str, why: str) -> None: ...
