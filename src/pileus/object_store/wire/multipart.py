"""Several ranges of one body, as multipart/byteranges (RFC 9110, 14.6)."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

#: Gives a piece of a body: (first byte, length).
Open = Callable[[int, int], AsyncIterator[bytes]]
#: More pieces than these, or pieces that lie over each other this often, are only asked for by who wants to hurt.
MOST, MOST_OVERLAPS = 50, 2


def sensible(pieces: Sequence[tuple[int, int]]) -> bool:
    """Whether the pieces may be served (RFC 9110, 14.2 on denial of service)."""
    overlaps = sum(1 for n, (start, length) in enumerate(pieces)
                   if any(start < first + size and first < start + length for first, size in pieces[:n]))
    return len(pieces) <= MOST and overlaps <= MOST_OVERLAPS


def heads(pieces: Sequence[tuple[int, int]], size: int, content_type: str, boundary: str) -> list[bytes]:
    """What stands before each piece."""
    return [f"--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: bytes {start}-{start + length - 1}/{size}\r\n\r\n"
            .encode("utf-8", "surrogateescape") for start, length in pieces]


def length(pieces: Sequence[tuple[int, int]], size: int, content_type: str, boundary: str) -> int:
    between = sum(map(len, heads(pieces, size, content_type, boundary))) + 2 * len(pieces)
    return between + sum(part for _, part in pieces) + len(boundary) + 4


async def body(pieces: Sequence[tuple[int, int]], size: int, content_type: str, boundary: str, open_: Open) -> AsyncIterator[bytes]:
    """The whole of it."""
    for (start, amount), head in zip(pieces, heads(pieces, size, content_type, boundary), strict=True):
        yield head
        async for chunk in open_(start, amount):
            yield chunk
        yield b"\r\n"
    yield f"--{boundary}--".encode()
