"""The older versioning, with a container of the client's own for what is overwritten: `X-Versions-Location`, `X-History-Location`.

What is overwritten is copied there first. Deleting brings the last of it back (versions: a stack), or leaves a marker there
(history). (Object Storage API, "Object versioning", legacy modes.)
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote, urlencode

import msgspec

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.pipeline.versioning.hidden import admit, at_name, keep, request
from pileus.object_store.pipeline.versioning.names import DELETED
from pileus.object_store.proxy.constraints import size
from pileus.object_store.wire.message import Request, Response, Stop
from pileus.object_store.wire.status import plain

#: What clients say → the mode that is kept.
HEADERS = {"x-versions-location": "stack", "x-history-location": "history"}
REMOVING = ("x-remove-versions-location", "x-remove-history-location")
LOCATION, MODE = "x-container-sysmeta-versions-location", "x-container-sysmeta-versions-mode"


class VersionedWrites(Feature):
    def info(self) -> dict[str, Any]:
        return {"versioned_writes": {"allowed_flags": list(HEADERS)}}

    def concerns(self, req: Request) -> bool:
        return req.method in ("PUT", "DELETE") or not req.names_object

    async def __call__(self, req: Request) -> Response:
        try:
            _, account, container, obj = (name or "" for name in req.split(3, 4))
        except ValueError:
            return await self.app(req)
        if not obj:
            return await self._container(req)
        info = await self.store.container_info(account, container)
        if not (location := unquote(info.headers.get(LOCATION, "")).split("/")[0]):
            return await self.app(req)
        stack = Stack(self, req, f"/v1/{account}/{location}", obj)
        if req.method == "PUT":
            await stack.push()
            return await self.app(req)
        return await (stack.mark() if info.headers.get(MODE) == "history" else stack.pop())

    async def _container(self, req: Request) -> Response:
        if req.method in ("PUT", "POST"):
            _settle(req)
        response = await self.app(req)
        if location := response.header(LOCATION):
            response.headers[next(n for n, mode in HEADERS.items() if mode == response.header(MODE, "stack"))] = location
        return response


def _settle(req: Request) -> None:
    """What a request says of the mode as it is kept. Raises Stop."""
    said = {name: req.headers.pop(name) for name in HEADERS if name in req.headers}
    removed = [req.headers.pop(name) for name in REMOVING if name in req.headers]
    given = {name: value for name, value in said.items() if value}
    if len(given) > 1:
        raise Stop(plain(400, "Only one of x-versions-location or x-history-location may be specified"))
    for name, value in given.items():
        location = unquote(value)
        if "/" in location:
            raise Stop(plain(412, "Container name cannot contain slashes"))
        req.headers[LOCATION], req.headers[MODE] = value, HEADERS[name]
    if not given and (said or any(removed)):
        req.headers[LOCATION] = req.headers[MODE] = ""


class Stack:
    """The old versions of one object. `place`: the path of the container that they are in."""

    def __init__(self, feature: VersionedWrites, req: Request, place: str, obj: str):
        self.feature, self.req, self.place = feature, req, place
        self.prefix = f"{size(obj):03x}{obj}/"

    async def push(self) -> None:
        """Keep what will be overwritten. Raises Stop when that cannot be, or the caller may not write."""
        await self._admit()
        found = await at_name(self.feature, self.req, self.req.path, "GET")
        if found.status == 404:
            await found.close()
            return
        await self._done(found)
        await self._done(await keep(self.feature, self.req, found, f"{self.place}/{self.prefix}{found.header('x-timestamp')}"))

    async def mark(self) -> Response:
        """Delete, and remember when."""
        await self.push()
        path = f"{self.place}/{self.prefix}{self.feature.store.proxy.stamp()}"
        made = request(self.req, "PUT", path, {"content-type": DELETED, "content-length": "0"})
        await self._done(await self.feature.app(made))
        return await self.feature.app(self.req)

    async def pop(self) -> Response:
        """Delete, and have the version before it in its place."""
        versions = self._versions()
        admitted = False
        async for row in versions:
            if not admitted:
                await self._admit()
                admitted = True
            if row["content_type"] == DELETED:
                if (await at_name(self.feature, self.req, self.req.path)).status != 404:
                    break                       # what is there goes, and the marker says the truth again
                async for older in versions:
                    if older["content_type"] == DELETED or await self._restore(older["name"]):
                        break
                return await self._forget(row["name"])
            if await self._restore(row["name"], forget=False):
                return await self._forget(row["name"])
        return await self.feature.app(self.req)

    async def _restore(self, name: str, *, forget: bool = True) -> bool:
        """Bring a version back; False when it is gone."""
        found = await at_name(self.feature, self.req, f"{self.place}/{name}", "GET")
        if found.status == 404:
            await found.close()
            return False
        await self._done(found)
        await self._done(await keep(self.feature, self.req, found, self.req.path))
        if forget and (gone := await self._forget(name)).status != 404:
            await self._done(gone)
        return True

    async def _forget(self, name: str) -> Response:
        return await self.feature.app(request(self.req, "DELETE", f"{self.place}/{name}"))

    async def _versions(self) -> AsyncIterator[dict[str, Any]]:
        """The newest first."""
        marker = ""
        while True:
            query = urlencode({"prefix": self.prefix, "marker": marker, "reverse": "on"}, errors="surrogateescape")
            answer = await self.feature.app(request(self.req, "GET", self.place, query=query))
            if answer.status == 404:
                return
            await self._done(answer)
            page = msgspec.json.decode(await answer.read())
            for row in page:
                yield row
            if not page:
                return
            marker = page[-1]["name"]

    async def _admit(self) -> None:
        _, account, container, _ = self.req.split(4, 4)
        await admit(self.feature, self.req, str(account), str(container), "x-container-write")

    async def _done(self, response: Response) -> None:
        """Raises Stop for what went wrong on the way."""
        if not response.ok:
            await response.close()
            raise Stop(plain(412 if 400 <= response.status < 500 else 503))
