"""Documents that a bucket keeps for S3: system metadata of its container, packed, in pieces as long as a header may be."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import zlib

from pileus.object_store.proxy.info import Info
from pileus.object_store.s3.call import Call
from pileus.object_store.s3.errors import S3Error

PREFIX = "s3api-"
#: Characters of a piece, and how many pieces there are at most.
PIECE, MOST = 7000, 4
#: What a document unpacks to at most.
LONGEST = 256 << 10


def read(info: Info, name: str) -> bytes | None:
    """A document of a bucket that is known; None when it has none."""
    pieces = [info.sysmeta("container", f"{PREFIX}{name}-{number}") for number in range(MOST)]
    text = "".join(pieces)
    return zlib.decompressobj().decompress(base64.b64decode(text), LONGEST) if text else None


async def load(call: Call, name: str) -> bytes | None:
    return read(await call.bucket_info(), name)


async def save(call: Call, name: str, document: bytes | None, also: dict[str, str] | None = None) -> None:
    """Keep a document in the place of the one before, or none. Raises S3Error for one that is too long."""
    await call.done("POST", call.bucket, headers=headers(name, document) | (also or {}))


def headers(name: str, document: bytes | None) -> dict[str, str]:
    """Headers of a container that keep a document. Raises S3Error for one that is too long."""
    text = base64.b64encode(zlib.compress(document)).decode() if document else ""
    if len(text) > PIECE * MOST or len(document or b"") > LONGEST:
        raise S3Error("MaxMessageLengthExceeded")
    return {f"x-container-sysmeta-{PREFIX}{name}-{number}": text[number * PIECE : (number + 1) * PIECE] for number in range(MOST)}
