"""Keeps locked versions, whichever API asks for what: a feature of the pipeline, around that of versions."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.s3.call import OWN
from pileus.object_store.s3.lock.model import HOLD, LOCKS, RETENTION, is_locked
from pileus.object_store.s3.names import SEGMENTS
from pileus.object_store.wire.message import ALLOWS_RESERVED, Request, Response, is_true
from pileus.object_store.wire.status import plain

#: On a request of S3's: governance is to be overruled.
BYPASS = "s3.bypass"
LOCKED = "Access Denied because object protected by object lock."


class ObjectLock(Feature):
    def concerns(self, req: Request) -> bool:
        return req.method in ("PUT", "POST", "DELETE") and ALLOWS_RESERVED not in req.headers

    async def __call__(self, req: Request) -> Response:
        try:
            _, account, container, obj = req.split(3, 4)
        except ValueError:
            return await self.app(req)
        bucket = str(container).removesuffix(SEGMENTS)
        info = await self.store.container_info(str(account), bucket)
        if info.sysmeta("container", LOCKS) != "true":
            return await self.app(req)
        return await self._kept(req, bucket != container, obj) or await self.app(req)

    async def _kept(self, req: Request, of_parts: bool, obj: str | None) -> Response | None:
        """Why a request is refused, if it is."""
        if of_parts:                            # what a locked object consists of is only S3's to change
            return None if OWN in req.facts else plain(403, LOCKED)
        if obj is None:
            stops = "x-versions-enabled" in req.headers and not is_true(req.header("x-versions-enabled"))
            return plain(409, "A bucket that locks objects keeps their versions.") if stops else None
        if req.method == "DELETE" and "version-id" in req.query:
            found = await self._look(req, req.query)
            if found.ok and is_locked(found.headers, self.store.clock.now(), bypass=BYPASS in req.facts):
                return plain(403, LOCKED)
        if req.method == "POST":
            found = await self._look(req, "")
            req.headers = {name: found.headers[name] for name in (RETENTION, HOLD) if name in found.headers} | req.headers
        return None

    async def _look(self, req: Request, query: str) -> Response:
        asked = "&".join(part for part in query.split("&") if part.startswith("version-id="))
        found = await self.app(req.child("HEAD", None, {"x-newest": "true"}, query=asked, source="LOCK", trusted=True))
        await found.close()
        return found
