"""What is learned from the bytes of an image on their way to the store: how many, their digests, and what they are."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

from pileus.image.backends.work import Workers
from pileus.image.errors import ContentRefused
from pileus.image.formats import FormatMismatch, FormatUnknown, ImageTooLarge, ImageUnsafe, Inspector, check
from pileus.image.model import OPAQUE_CONTAINERS, UNFORMATTED_DISKS, Image, Received
from pileus.image.plugins.decompression import HEAD, packed

BLOCK = 1 << 19


async def blocks(chunks: AsyncIterator[bytes], size: int = BLOCK) -> AsyncGenerator[bytes, None]:
    """The same bytes in pieces worth a thread's while."""
    held: list[bytes] = []
    length = 0
    async for chunk in chunks:
        held.append(chunk)
        length += len(chunk)
        if length >= size:
            yield held[0] if len(held) == 1 else b"".join(held)
            held, length = [], 0
    if length:
        yield b"".join(held)


class Meter:
    """The digests of a block are made in threads while the store writes it and the next one comes."""

    def __init__(self, image: Image, workers: Workers, signed: Callable[[bytes], object] | None = None, *,
                 packed: bool = False, staged: bool = False, algorithm: str = "sha512"):
        """`signed` takes every block as well. With `packed` the image may be one that is to be unpacked, with `staged` anything: its
        import will say what is wrong with it. `algorithm` makes the digest that it is known by."""
        self.signed, self.packed, self.staged, self.head = signed, packed, staged, b""
        self.image, self.workers, self.size = image, workers, 0
        self.md5, self.digest, self.inspector = hashlib.md5(usedforsecurity=False), hashlib.new(algorithm), Inspector()
        self.algorithm = algorithm
        self._work: list[Awaitable[object]] = []

    async def through(self, blocks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        async for block in blocks:
            await self._idle()
            self.head = self.head or block[:HEAD]
            self.size += len(block)
            self._work = [self.workers.start(self.digest.update, block), self.workers.start(self._look, block)]
            if self.signed is not None:
                self._work.append(self.workers.start(self.signed, block))
            yield block
        await self._idle()

    async def finish(self, max_virtual_bytes: int) -> Received:
        """What came. Raises ContentRefused when it may not be used as what the image was declared to be."""
        found = await self.workers.run(self.inspector.finish)
        virtual_size: int | None = found.virtual_size
        if self.image.container_format in OPAQUE_CONTAINERS or (self.packed and packed(self.head)):
            virtual_size = None
        elif self.image.disk_format in UNFORMATTED_DISKS:
            virtual_size = self.size
        else:
            try:
                check(self.image.disk_format, found, max_virtual_bytes=max_virtual_bytes)
            except (FormatMismatch, FormatUnknown, ImageTooLarge, ImageUnsafe) as refused:
                if not self.staged:
                    raise ContentRefused(str(refused)) from refused
                virtual_size = None
        return Received(size=self.size, virtual_size=virtual_size, checksum=self.md5.hexdigest(),
                        os_hash_algo=self.algorithm, os_hash_value=self.digest.hexdigest())

    def _look(self, block: bytes) -> None:
        self.md5.update(block)
        self.inspector.feed(block)

    async def _idle(self) -> None:
        if self._work:
            await asyncio.gather(*self._work)
            self._work = []
