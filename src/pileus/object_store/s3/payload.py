"""A request's body, checked while it goes by: its length, its hashes, the signatures of its chunks.

The last piece is held back until all has been found right: whoever stores it never has the whole of what is wrong.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import AsyncIterator

from pileus.object_store.s3 import checksums
from pileus.object_store.s3.call import Call
from pileus.object_store.s3.checksums import PREFIX, Checksum
from pileus.object_store.s3.chunked import Chunks, Signer
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.s3.numbers import is_number
from pileus.object_store.s3.signatures.v4 import STREAMING, UNSIGNED
from pileus.object_store.storage.threads import Beside, Threads
from pileus.object_store.wire.body import stream


class Payload:
    """`length`: of what is to be stored. `md5`: in hexadecimal, when the client told it."""

    def __init__(self, source: AsyncIterator[bytes] | Chunks, length: int, threads: Threads, *, md5: str = "", sha256: str = "",
                 checksum: Checksum | None = None):
        self.source, self.length, self.md5, self.sha256, self.checksum = source, length, md5, sha256, checksum
        self.hash = hashlib.sha256() if sha256 else None
        self.beside = Beside(threads, *(each.update for each in (self.hash, checksum) if each is not None))
        self.stream = self._checked()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self.stream)

    async def _checked(self) -> AsyncIterator[bytes]:
        held = b""
        async for piece in self.source:
            await self.beside.take(piece)
            if held:
                yield held
            held = piece
        await self.beside.settle()
        self._settle()
        if held:
            yield held

    def _settle(self) -> None:
        """Raises S3Error unless everything is as it was told."""
        if self.hash is not None and self.hash.hexdigest() != self.sha256.lower():
            raise S3Error("XAmzContentSHA256Mismatch", ClientComputedContentSHA256=self.sha256,
                          S3ComputedContentSHA256=self.hash.hexdigest())
        if self.checksum is None:
            return
        if self.checksum.told is None and isinstance(self.source, Chunks):
            self._take_trailer(self.checksum, self.source.trailers)
        self.checksum.check()

    def _take_trailer(self, checksum: Checksum, trailers: dict[str, str]) -> None:
        name = PREFIX + checksum.name
        if set(trailers) != {name}:
            raise S3Error("MalformedTrailerError")
        if not checksums.is_valid(checksum.name, trailers[name]):
            raise S3Error("InvalidRequest", f"Value for {name} trailing header is invalid.")
        checksum.told = trailers[name]


def is_streaming(call: Call) -> bool:
    """Whether the body comes in chunks: only what is signed by version 4 in headers can."""
    signed = call.claim is not None and bool(call.claim.scope) and not call.claim.in_query
    return signed and call.header("x-amz-content-sha256").startswith(STREAMING)


async def of(call: Call, *, checked: bool = True) -> Payload:
    """The body of a call. Raises S3Error for what is wrong before a byte of it has come; an empty one is checked at once.

    `checked`: whether the checksum that headers tell is the body's.
    """
    req, claim = call.req, call.claim
    sha256 = req.header("x-amz-content-sha256")
    streaming = is_streaming(call)
    length = _length(call, streaming)
    md5 = _md5(req.header("content-md5"))
    checksum = checksums.wanted(req.headers, streaming=streaming) if checked else None
    body = aiter(req.body if req.body is not None else stream())
    source: AsyncIterator[bytes] | Chunks = body
    if streaming:
        assert claim is not None
        if call.secret is None and "UNSIGNED" not in sha256:
            raise S3Error("NotImplemented", "Signed chunks cannot be checked here: identity keeps the secret to itself.")
        signer = None if "UNSIGNED" in sha256 else Signer(claim, call.secret or "")
        source, sha256 = Chunks(body, length, signer, trailers=sha256.endswith("TRAILER")), ""
    payload = Payload(source, length, call.threads, md5=md5, sha256="" if sha256 == UNSIGNED else sha256, checksum=checksum)
    if not length:
        async for _ in payload:
            raise S3Error("IncompleteBody")
    return payload


async def read(call: Call, most: int, *, checked: bool = True) -> bytes:
    """A whole body that is a document: no length is needed, and the hash that the client told is compared here."""
    if call.req.length is None and call.req.body is None:
        call.req.headers["content-length"] = "0"
    payload = await of(call, checked=checked)
    body = b""
    if payload.length:
        async for piece in payload:
            body += piece
            if len(body) > most:
                raise S3Error("MalformedXML")
    if payload.md5 and hashlib.md5(body, usedforsecurity=False).hexdigest() != payload.md5:
        raise S3Error("BadDigest", ExpectedDigest=call.header("content-md5"))
    return body


def _length(call: Call, streaming: bool) -> int:
    told, length = call.header("x-amz-decoded-content-length"), call.req.length
    if call.header("x-amz-content-sha256").startswith(STREAMING) and not is_number(told):
        raise S3Error("MissingContentLength")
    if streaming:
        return int(told)
    if length is None:
        raise S3Error("MissingContentLength")
    if told and told != str(length):
        raise S3Error("IncompleteBody", NumberBytesExpected=told, NumberBytesProvided=length)
    return length


def _md5(text: str) -> str:
    """Raises S3Error for what is no hash."""
    if not text:
        return ""
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise S3Error("InvalidDigest") from None
    if len(digest) != 16:
        raise S3Error("InvalidDigest")
    return digest.hex()
