"""Packed images: gzip, and zip with one file in it. Unpacked in small pieces, so that a bomb costs no memory.

How much comes out is counted by whoever takes the pieces; what a header says about it is believed nowhere. LHA is not
unpacked: it is raw bytes like any other. Only one layer is taken off.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Protocol

from pileus.core.errors import Invalid
from pileus.image.backends.work import Workers

PIECE = 1 << 20
GZIP, ZIP = b"\x1f\x8b\x08", b"PK\x03\x04"
#: Enough of an image to tell whether it is packed.
HEAD = 4
_RAW_DEFLATE, _WITH_GZIP_HEADER = -zlib.MAX_WBITS, 16 + zlib.MAX_WBITS
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _SIZES_FOLLOW = 1, 8
_DIRECTORY, _DESCRIPTOR = b"PK\x01\x02", b"PK\x07\x08"
#: How much behind the file says whether another one follows.
_BEHIND = 64
_HEADER = struct.Struct("<4sHHHHHIIIHH")


class PackedWrongly(Invalid):
    code, message = "image.packed_wrongly", "The image cannot be decompressed: {why}."


class Unpacker(Protocol):
    """`take` packed bytes, then `give` unpacked ones, a piece at most, until there are none; at the end `finish`."""

    def take(self, data: bytes) -> None: ...

    def give(self) -> bytes:
        """Raises PackedWrongly."""

    def finish(self) -> None:
        """Raises PackedWrongly when it was cut off, or when there is more than one image in it."""


def packed(head: bytes) -> bool:
    """Whether an image that begins so is one that we unpack."""
    return head.startswith((GZIP, ZIP))


async def unpacked(blocks: AsyncIterator[bytes], workers: Workers) -> AsyncGenerator[bytes, None]:
    """What is in a packed image. Raises PackedWrongly."""
    unpacker: Unpacker | None = None
    async for block in blocks:
        if unpacker is None:
            unpacker = Unzip() if block.startswith(ZIP) else Gunzip()
        unpacker.take(block)
        while piece := await workers.run(unpacker.give):
            yield piece
    if unpacker is not None:
        unpacker.finish()


class Gunzip:
    """Of several members, one after the other, as gzip itself unpacks them. Zeros may follow."""

    def __init__(self) -> None:
        self.inflater, self.rest = zlib.decompressobj(_WITH_GZIP_HEADER), b""

    def take(self, data: bytes) -> None:
        self.rest += data

    def give(self) -> bytes:
        while True:
            if self.inflater.eof:
                self.rest = self.rest.lstrip(b"\0")
                if not self.rest:
                    return b""
                self.inflater = zlib.decompressobj(_WITH_GZIP_HEADER)
            piece = _inflate(self.inflater, self.rest)
            self.rest = self.inflater.unused_data or self.inflater.unconsumed_tail
            if piece or not self.inflater.eof:
                return piece

    def finish(self) -> None:
        if not self.inflater.eof:
            raise PackedWrongly(why="it is cut off")


class Unzip:
    """The one file of an archive, read from its front: what stands in the directory at its end is not needed."""

    def __init__(self) -> None:
        self.rest, self.begun, self.ended = b"", False, False
        self.inflater: zlib._Decompress | None = None
        self.stored, self.sum, self.expected = 0, 0, 0
        self.flags = 0

    def take(self, data: bytes) -> None:
        if not self.ended or len(self.rest) < _BEHIND:                     # an archive of many files is not kept to its end
            self.rest += data

    def give(self) -> bytes:
        if not self.begun and not self._begin():
            return b""
        if self.ended:
            return b""
        piece = self._stored() if self.inflater is None else self._deflated(self.inflater)
        self.sum = zlib.crc32(piece, self.sum)
        return piece

    def finish(self) -> None:
        if not self.ended:
            raise PackedWrongly(why="it is cut off")
        after = self.rest
        if self.flags & _SIZES_FOLLOW:
            after = after.removeprefix(_DESCRIPTOR)
            self.expected = int.from_bytes(after[:4], "little")
            after = after[20:] if after[20:24] == _DIRECTORY else after[12:]
        if self.sum != self.expected:
            raise PackedWrongly(why="its checksum is wrong")
        if after[:4] != _DIRECTORY:
            raise PackedWrongly(why="there is more than one file in it")

    def _begin(self) -> bool:
        """Read the header, when all of it is there."""
        if len(self.rest) < _HEADER.size:
            return False
        _, _, self.flags, method, _, _, self.expected, size, _, name, extra = _HEADER.unpack_from(self.rest)
        behind = _HEADER.size + name + extra
        if len(self.rest) < behind:
            return False
        if self.flags & _ENCRYPTED:
            raise PackedWrongly(why="it is encrypted")
        if method not in (_STORED, _DEFLATED) or (method == _STORED and self.flags & _SIZES_FOLLOW):
            raise PackedWrongly(why="it is packed in a way that is not supported")
        if method == _DEFLATED:
            self.inflater = zlib.decompressobj(_RAW_DEFLATE)
        elif size == 0xFFFFFFFF:
            raise PackedWrongly(why="a file of that size must be deflated")
        self.stored, self.rest, self.begun = size, self.rest[behind:], True
        return True

    def _stored(self) -> bytes:
        piece, self.rest = self.rest[:min(PIECE, self.stored)], self.rest[min(PIECE, self.stored):]
        self.stored -= len(piece)
        self.ended = not self.stored
        return piece

    def _deflated(self, inflater: zlib._Decompress) -> bytes:
        piece = _inflate(inflater, self.rest)
        self.ended = inflater.eof
        self.rest = inflater.unused_data or inflater.unconsumed_tail
        return piece


def _inflate(inflater: zlib._Decompress, data: bytes) -> bytes:
    try:
        return inflater.decompress(data, PIECE)
    except zlib.error as broken:
        raise PackedWrongly(why="its data are damaged") from broken
