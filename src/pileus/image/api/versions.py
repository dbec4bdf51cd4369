"""The versions of the image API."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.http import Reply, Request, Route

#: Newest first. All of them are this API: a version says what a client may expect to be there.
VERSIONS = ("v2.18", "v2.17", "v2.16", "v2.15", "v2.14", "v2.13", "v2.12", "v2.11", "v2.10", "v2.9", "v2.8", "v2.7", "v2.6", "v2.5",
            "v2.4", "v2.3", "v2.2", "v2.1", "v2.0")
#: These say that there is a cache.
CACHING = frozenset({"v2.18", "v2.16", "v2.14"})


async def offer_versions(req: Request) -> Reply:
    return Reply(300, _versions(req))


async def list_versions(req: Request) -> dict[str, Any]:
    return _versions(req)


ROUTES = [
    Route("GET", "/", offer_versions),
    Route("GET", "/versions", list_versions),
]


def _versions(req: Request) -> dict[str, Any]:
    links = [{"rel": "self", "href": req.url("/image/v2/")}]
    offered = [version for version in VERSIONS if req.services.image.cache.enabled or version not in CACHING]
    return {"versions": [{"id": version, "status": "CURRENT" if version == offered[0] else "SUPPORTED", "links": links}
                         for version in offered]}
