"""Metadata of a file: an extended attribute where it fits, else a second file beside it that is there first."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
import os
from collections.abc import Mapping

import msgspec

NAME = "user.pileus.metadata"
#: ext4 keeps all attributes of a file in one block; a little of it is for others.
MOST = 3000
SUFFIX = ".attrs"
NO_ROOM = frozenset({errno.ENOSPC, errno.E2BIG, errno.ERANGE, errno.ENOTSUP, errno.EPERM})


def write(fd: int, metadata: Mapping[str, str]) -> bytes | None:
    """Attach metadata to an open file. Returns what did not fit, for a file of its own."""
    packed = msgspec.json.encode(metadata)
    if len(packed) <= MOST:
        try:
            os.setxattr(fd, NAME, packed)
            return None
        except OSError as problem:
            if problem.errno not in NO_ROOM:
                raise
    return packed


def read(fd: int, path: str) -> dict[str, str]:
    """The metadata of an open file. Raises ValueError when there is none, or it is damaged."""
    try:
        packed = os.getxattr(fd, NAME)
    except OSError as problem:
        if problem.errno not in (errno.ENODATA, errno.ENOTSUP):
            raise
        try:
            with open(path + SUFFIX, "rb") as file:
                packed = file.read()
        except FileNotFoundError:
            raise ValueError(f"{path} has no metadata") from None
    return msgspec.json.decode(packed, type=dict[str, str])
