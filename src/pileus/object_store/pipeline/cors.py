"""Requests of browsers on behalf of other sites (Fetch standard, "CORS protocol"): each container says whose it answers.

OPTIONS needs no token: it tells methods, and to a browser whether it may ask at all. To a site that is not allowed nothing is
told, and its browser throws the answer away.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain

#: How deep a path is → what may be done there.
METHODS = {1: ("GET", "HEAD", "OPTIONS", "POST"), 2: ("DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"),
           3: ("COPY", "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT")}
EXPOSED = ("cache-control", "content-language", "content-type", "etag", "expires", "last-modified", "pragma", "x-timestamp", "x-trans-id",
           "x-openstack-request-id")
META = "access-control-"


class Cors(Feature):
    def info(self) -> dict[str, Any]:
        return {"cors": {"allow_origin": list(self.store.config.cors_allow_origin)}}

    def concerns(self, req: Request) -> bool:
        return req.method == "OPTIONS" or "origin" in req.headers

    async def __call__(self, req: Request) -> Response:
        origin = req.header("origin")
        names = [name for name in _names(req) if name is not None]
        if req.method == "OPTIONS" and (req.path == "/info" or names):
            return await self._options(req, names, origin)
        response = await self.app(req)
        if origin and names:
            allowed, meta = await self._allowed(names, origin)
            if allowed:
                self._expose(response, allowed, meta)
        return response

    async def _options(self, req: Request, names: list[str], origin: str) -> Response:
        methods = METHODS.get(len(names), ("GET", "HEAD", "OPTIONS"))
        told = {"allow": ", ".join(methods), "content-type": "text/html; charset=UTF-8"}
        if not origin or len(names) < 2:
            return Response(200, told)          # no site is told of here: its browser goes no further
        allowed, meta = await self._allowed(names, origin)
        if not allowed or req.header("access-control-request-method") not in methods:
            return plain(401, headers={"allow": told["allow"]})
        told |= {"access-control-allow-origin": allowed, "access-control-allow-methods": ", ".join(methods), "vary": "Origin"}
        if age := meta.get("max-age"):
            told["access-control-max-age"] = age
        if wanted := req.header("access-control-request-headers"):
            told["access-control-allow-headers"] = ", ".join(part.strip() for part in wanted.split(","))
            told["vary"] = "Origin, Access-Control-Request-Headers"
        return Response(200, told)

    async def _allowed(self, names: list[str], origin: str) -> tuple[str, dict[str, str]]:
        """What is answered to the origin ("": nothing), and what the container says of other sites."""
        meta: dict[str, str] = {}
        if len(names) > 1:
            info = await self.store.container_info(names[0], names[1])
            prefix = f"x-container-meta-{META}"
            meta = {name.removeprefix(prefix): value for name, value in info.headers.items() if name.startswith(prefix)}
        origins = [*self.store.config.cors_allow_origin, *meta.get("allow-origin", "").split()]
        if "*" in origins:
            return "*", meta
        return (origin if origin in origins else ""), meta

    def _expose(self, response: Response, allowed: str, meta: dict[str, str]) -> None:
        own = (name for name in response.headers if name.startswith(("x-object-meta-", "x-container-meta-")))
        named = (name.lower() for name in meta.get("expose-headers", "").replace(",", " ").split())
        exposed = sorted({*EXPOSED, *own, *named, *(n.lower() for n in self.store.config.cors_expose_headers)})
        response.headers |= {"access-control-allow-origin": allowed, "access-control-expose-headers": ", ".join(exposed)}
        if allowed != "*":
            response.headers["vary"] = ", ".join(filter(None, (response.header("vary"), "Origin")))


def _names(req: Request) -> list[str | None]:
    try:
        version, *names = req.split(2, 4)
    except ValueError:
        return []
    return names if version in ("v1", "v1.0") else []
