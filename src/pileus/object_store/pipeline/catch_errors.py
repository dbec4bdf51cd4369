"""Every request gets an id; whatever goes wrong becomes an answer."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.log import Log
from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.wire.asgi import ClientGone
from pileus.object_store.wire.message import Request, Response, Stop
from pileus.object_store.wire.status import plain

log = Log("pileus.object_store")
#: Whoever has nothing to say about such an answer leaves that to its page.
SAID = (202, 301, 404)


class CatchErrors(Feature):
    async def __call__(self, req: Request) -> Response:
        req.id = f"tx{self.store.ids.hex()[:21]}-{int(self.store.clock.now().timestamp()):010x}"
        try:
            response = await self.app(req)
        except Stop as stop:
            response = stop.response
        except ClientGone:
            response = plain(499)
        except Exception:
            log.exception("unexpected error", method=req.method, path=req.path, request=req.id)
            response = plain(500)
        if response.body == b"" and response.status in SAID and req.method != "HEAD" and response.header("content-length", "0") == "0":
            page = plain(response.status)
            response.body, response.headers = page.body, response.headers | page.headers
            response.headers.pop("content-length", None)
        response.headers |= {"x-trans-id": req.id, "x-openstack-request-id": req.id}
        return response
