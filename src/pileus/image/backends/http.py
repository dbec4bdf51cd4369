"""Images of web servers: only read, and only from where downloads may come from (OSSA-2026-004). A key is an address."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncGenerator

from pileus.image import web
from pileus.image.backends.base import StoreFailed
from pileus.image.backends.pieces import content_range, exactly, part
from pileus.image.config import ImageConfig
from pileus.image.errors import AddressRefused, DownloadFailed


class HttpBlobs:
    def __init__(self, rules: ImageConfig):
        """`rules` say which addresses may be asked."""
        self.rules = rules

    async def read(self, key: str, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        if length == 0:
            return
        wanted = content_range(start, length)
        try:
            async with web.download(key, self.rules, wanted) as answer:
                blocks = answer.blocks()
                if wanted and answer.status != 206:                        # a server that gives all or nothing
                    blocks = part(blocks, start, length)
                async for block in exactly(blocks, key, length):
                    yield block
        except (AddressRefused, DownloadFailed) as failure:
            raise StoreFailed(detail=str(failure)) from failure

    async def size(self, key: str) -> int:
        async with web.download(key, self.rules) as answer:
            length = answer.headers.get("content-length", "")
            if not (length.isascii() and length.isdecimal() and len(length) < 19):
                raise DownloadFailed(why="it is not said how many bytes there are")
            return int(length)
