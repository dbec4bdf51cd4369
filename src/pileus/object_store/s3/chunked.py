"""Bodies in signed chunks: `aws-chunked` (API reference, "Signature Calculations … Transferring Payload in Multiple Chunks").

Each chunk has its length, in hexadecimal, and its signature, which is made of that of the chunk before: nothing can be left
out, added or moved. Trailers come behind the last, which is empty. What ends too soon is an error, never waited for
(CVE-2026-49017).
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import AsyncIterator

from pileus.object_store.s3.errors import S3Error
from pileus.object_store.s3.signatures.claim import Claim, mismatch

PAYLOAD, TRAILER = "AWS4-HMAC-SHA256-PAYLOAD", "AWS4-HMAC-SHA256-TRAILER"
HEAD = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(?:;(.*))?")
SIGNATURE = b"chunk-signature"
#: No head of a chunk and no trailers are longer.
LONGEST_LINE, LONGEST_TRAILERS = 1024, 16_384
#: Chunks other than the last are at least this long.
SHORTEST = 8192
EMPTY = hashlib.sha256().hexdigest()


def incomplete() -> S3Error:
    return S3Error("IncompleteBody", "The request body terminated unexpectedly")


class Signer:
    """The chain of signatures of one body."""

    def __init__(self, claim: Claim, secret: str):
        self.claim, self.key, self.last = claim, claim.key(secret), claim.signature

    def check(self, kind: str, signature: str, digest: str) -> None:
        """Raises S3Error unless this signs `digest`, behind all that was signed before."""
        before = [self.last, EMPTY] if kind == PAYLOAD else [self.last]
        text = "\n".join((kind, self.claim.stamp, "/".join(self.claim.scope), *before, digest))
        if not hmac.compare_digest(hmac.new(self.key, text.encode(), "sha256").hexdigest(), signature):
            raise mismatch(self.claim, text, signature)
        self.last = signature


class Chunks:
    """The bytes in the chunks of `body`. Raises S3Error where it is not as it has to be.

    `trailers`: those that came, once all has been read. Pieces of a chunk are given out before its signature has been seen:
    whoever reads this must not make anything of them before the end.
    """

    def __init__(self, body: AsyncIterator[bytes], length: int, signer: Signer | None = None, *, trailers: bool = False):
        self.body, self.length, self.signer, self.with_trailers = body, length, signer, trailers
        self.trailers: dict[str, str] = {}
        self.buffer = bytearray()
        self.size = self.number = self.shortest = 0
        self.stream = self._read()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.stream

    async def _read(self) -> AsyncIterator[bytes]:
        while True:
            size, signature = self._head(await self._line())
            self._count(size)
            digest = hashlib.sha256()
            left = size
            while left:
                piece = await self._piece(left)
                left -= len(piece)
                if self.signer is not None:
                    digest.update(piece)
                yield piece
            if size and await self._exactly(2) != b"\r\n":
                raise incomplete()
            if self.signer is not None:
                self.signer.check(PAYLOAD, signature, digest.hexdigest())
            if not size:
                break
        await self._end()
        if self.size != self.length:
            raise S3Error("IncompleteBody", NumberBytesExpected=self.length, NumberBytesProvided=self.size)

    def _count(self, size: int) -> None:
        self.number += 1
        if size and self.shortest:
            raise S3Error("InvalidChunkSizeError", Chunk=self.number, BadChunkSize=self.shortest)
        self.shortest = size if self.signer is not None and 0 < size < SHORTEST else 0
        self.size += size
        if self.size > self.length:
            raise S3Error("IncompleteBody", NumberBytesExpected=self.length, NumberBytesProvided=self.size)

    def _head(self, line: bytes) -> tuple[int, str]:
        found = HEAD.fullmatch(line)
        if found is None:
            raise incomplete()
        name, _, value = (part.strip() for part in (found[2] or b"").partition(b"="))
        if self.signer is None:
            return int(found[1], 16), ""
        if name != SIGNATURE:
            if b"=" in (found[2] or b""):
                raise mismatch(self.signer.claim, PAYLOAD + "\n", "")
            raise incomplete()
        if not value or b";" in value:
            raise incomplete()
        return int(found[1], 16), value.decode("latin-1")

    async def _end(self) -> None:
        """What comes behind the last chunk."""
        rest = bytes(self.buffer)
        async for piece in self.body:
            rest += piece
            if len(rest) > LONGEST_TRAILERS:
                raise S3Error("MalformedTrailerError")
        if not self.with_trailers:
            return
        lines, ended, signed = rest.split(b"\r\n"), False, b""
        if lines.pop() and b"" not in lines:
            raise incomplete()
        signature = ""
        for line in lines:
            if not line:
                break
            name, colon, value = line.partition(b":")
            if not colon:
                raise S3Error("MalformedTrailerError")
            title, text = name.strip().lower().decode("latin-1"), value.strip().decode("latin-1")
            if title == "x-amz-trailer-signature":
                signature, ended = text, True
            elif ended:
                raise S3Error("MalformedTrailerError")
            else:
                self.trailers[title] = text
                signed += name.strip().lower() + b":" + value.strip() + b"\n"
        if self.signer is not None:
            if not signature or not self.trailers:
                raise incomplete()
            self.signer.check(TRAILER, signature, hashlib.sha256(signed).hexdigest())

    # ---- reading -----------------------------------------------------------------------------------------------------
    async def _more(self) -> None:
        """Raises S3Error when there is no more."""
        try:
            self.buffer += await anext(self.body)
        except StopAsyncIteration:
            raise incomplete() from None

    async def _line(self) -> bytes:
        while (end := self.buffer.find(b"\r\n")) < 0:
            if len(self.buffer) > LONGEST_LINE:
                raise incomplete()
            await self._more()
        if end > LONGEST_LINE:
            raise incomplete()
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 2]
        return line

    async def _piece(self, most: int) -> bytes:
        if not self.buffer:
            await self._more()
        piece = bytes(self.buffer[:most])
        del self.buffer[: len(piece)]
        return piece

    async def _exactly(self, size: int) -> bytes:
        while len(self.buffer) < size:
            await self._more()
        return await self._piece(size)
