"""`X-Open-Expired`: objects whose time is over, as long as they have not been taken away, for who asks for that; where it is allowed."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.wire.message import Request, Response, is_true


class OpenExpired(Feature):
    def concerns(self, req: Request) -> bool:
        return self.store.config.proxy.allow_open_expired and is_true(req.header("x-open-expired"))

    async def __call__(self, req: Request) -> Response:
        req.headers["x-backend-open-expired"] = "true"
        return await self.app(req)
