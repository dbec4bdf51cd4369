"""Images of other clouds of the same identity: their image services are in the catalog, under their regions.

Where to ask comes from the catalog, which administrators keep, so it may be a private address; what is asked for is an id and
nothing else. The caller's token goes there and nowhere else: nobody is followed to another place (OSSA-2026-004).
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec

from pileus.core.context import Context
from pileus.image.errors import DownloadFailed, RegionUnknown
from pileus.image.model import Described, Image, RemoteImage, Source
from pileus.image.wire import PORTS, Answer, ask


class Remote:
    def __init__(self, identity: Any, prefixes: tuple[str, ...]):
        """`prefixes` are those of the properties that come along."""
        self.identity: Any = identity
        self.prefixes = prefixes

    async def source(self, who: Context, wanted: RemoteImage) -> Source:
        """Raises RegionUnknown when the caller's catalog has no image service there."""
        catalog = [] if self.identity is None else await self.identity.catalog(who.project_id, who.user_id)
        for service in msgspec.json.decode(msgspec.json.encode(catalog)):
            for endpoint in service["endpoints"] if service["type"] == "image" else ():
                there = endpoint["region_id"] == wanted.region and endpoint["interface"] == wanted.interface
                if there and urlsplit(endpoint["url"]).scheme in PORTS:
                    return Source(endpoint=endpoint["url"].rstrip("/"), image_id=wanted.image_id)
        raise RegionUnknown(region=wanted.region, interface=wanted.interface)

    async def describe(self, source: Source, token: str) -> Described:
        """Raises DownloadFailed, also for an image that is not active."""
        async with self._get(source, "", token) as answer:
            text = await answer.read()
        try:
            found = msgspec.json.decode(text, type=dict[str, Any])
            if found.get("status") != "active":
                raise DownloadFailed(why=f"image {source.image_id} of the other cloud is {found.get('status')}")
            own = {name: value for name, value in found.items() if name not in Image.__struct_fields__
                   and name.startswith(self.prefixes) and isinstance(value, str)}
            return msgspec.convert(found | {"properties": own}, Described)
        except msgspec.DecodeError as odd:
            raise DownloadFailed(why=f"what the other cloud says of image {source.image_id} is not understood") from odd

    async def blocks(self, source: Source, token: str) -> AsyncGenerator[bytes, None]:
        """The bytes of that image. Raises DownloadFailed."""
        async with self._get(source, "/file", token) as answer:
            async for block in answer.blocks():
                yield block

    @asynccontextmanager
    async def _get(self, source: Source, what: str, token: str) -> AsyncIterator[Answer]:
        try:
            base = source.endpoint if source.endpoint.endswith("/v2") else source.endpoint + "/v2"
            async with ask("GET", f"{base}/images/{source.image_id}{what}", {"X-Auth-Token": token}) as answer:
                if answer.status != 200:
                    raise DownloadFailed(why=f"the other cloud answered {answer.status}")
                yield answer
        except OSError as broken:
            raise DownloadFailed(why="the other cloud cannot be reached, or the connection broke") from broken
