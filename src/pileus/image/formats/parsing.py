"""What a parser of an image format is: a generator that asks for parts of the image and ends with a verdict.

It yields `Want(offset, length)` and is sent these bytes, fewer at the end of the image; it yields `End(length)` and is sent
the last bytes together with the size of the image. It returns None when the image is not of its format, else a `Verdict`.
Because an upload cannot be rewound, a part must be within the first `HEAD` bytes or after everything asked for before;
whatever breaks that rule or the format's own is `Damaged`.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import struct
from collections.abc import Callable, Generator
from typing import Any

import msgspec

#: The beginning of an image that is kept to the end of the inspection.
HEAD = 64 << 10
#: The most that a parser may ask for at once.
MOST = 64 << 10
SECTOR = 512


class Want(msgspec.Struct, frozen=True):
    offset: int
    length: int


class End(msgspec.Struct, frozen=True):
    length: int


class Verdict(msgspec.Struct, frozen=True):
    """What a parser found in an image of its format. Any problem makes the image unsafe to open."""

    virtual_size: int = 0
    problems: tuple[str, ...] = ()
    encrypted: bool = False


class Damaged(Exception):
    """The image is of this format but cannot be understood, which is as bad as being unsafe."""


Parser = Callable[[], Generator[Want | End, Any, Verdict | None]]


def fields(data: bytes, layout: str, offset: int = 0) -> tuple:
    """Unpack, where data that ends too early is the image's fault."""
    try:
        return struct.unpack_from(layout, data, offset)
    except struct.error as error:
        raise Damaged("the header is cut off") from error


def field(data: bytes, layout: str, offset: int = 0) -> Any:
    return fields(data, layout, offset)[0]
