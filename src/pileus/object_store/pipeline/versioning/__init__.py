"""Object versioning: what is overwritten or deleted in a container with `X-Versions-Enabled` stays, under a number of its own.

A version is an object of a hidden container; the object that clients see is a static link to the current one. So a version's
bytes are written once and never move. Deleting writes a version too, a marker, and takes the link away. What was there before
versions were kept has the number `null`, until it is overwritten. (Object Storage API, "Object versioning".)
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.pipeline.versioning import containers, listings, objects, versions
from pileus.object_store.pipeline.versioning.names import ENABLED, Where, hidden_of
from pileus.object_store.wire.message import ALLOWS_RESERVED, Request, Response, is_true


class ObjectVersioning(Feature):
    def info(self) -> dict[str, Any]:
        return {"object_versioning": {}}

    async def __call__(self, req: Request) -> Response:
        try:
            _, account, container, obj = req.split(2, 4)
        except ValueError:
            return await self.app(req)
        if ALLOWS_RESERVED in req.headers:
            return await self.app(req)          # it is about what is hidden already
        if container is None:
            return await listings.of_account(self, req, str(account)) if req.method == "GET" else await self.app(req)
        if obj is None:
            return await containers.handle(self, req, str(account), container)
        info = await self.store.container_info(str(account), container)
        where = Where(account=str(account), container=container, object=obj, hidden=hidden_of(info),
                      enabled=is_true(info.headers.get(ENABLED, "")))
        asked = req.params.get("version-id") if "version-id" in req.query else None
        if asked:
            return await versions.handle(self, req, where, asked)
        return await objects.handle(self, req, where) if where.hidden else await self.app(req)
