"""GET /info: what this store can do, and its limits."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus import __version__
from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain

#: The release of Swift whose API this is: by it clients know what they may ask for.
SWIFT = "2.38.0"


class InfoPage(Feature):
    def info(self) -> dict[str, Any]:
        proxy = self.store.proxy
        policies: list[dict[str, Any]] = [{"name": p.name, "aliases": ", ".join([p.name, *p.aliases])}
                                          | ({"default": True} if p is proxy.policies.default else {})
                                          for p in proxy.policies if not p.deprecated]
        return {"pileus": {"version": __version__},
                "swift": {**msgspec.to_builtins(proxy.limits), "extra_header_count": 0, "version": SWIFT, "strict_cors_mode": True,
                          "policies": policies, "allow_account_management": proxy.config.allow_account_management,
                          "allow_open_expired": proxy.config.allow_open_expired,
                          "account_autocreate": proxy.config.account_autocreate, "valid_api_versions": ["v1", "v1.0"]}}

    def concerns(self, req: Request) -> bool:
        return req.path == "/info"

    async def __call__(self, req: Request) -> Response:
        if req.method not in ("GET", "HEAD"):
            return plain(405, headers={"allow": "GET, HEAD, OPTIONS"})
        return Response(200, {"content-type": "application/json; charset=UTF-8"}, msgspec.json.encode(self.store.told))
