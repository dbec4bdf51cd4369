"""Which versions there are: what clients ask first, without a token."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.http import Request, Route

#: Path → what is said of it. Version 2.0 is told of, so that clients can see that 2.1 is the newer one.
VERSIONS = {
    "v2": {"id": "v2.0", "status": "DEPRECATED", "version": "", "min_version": "", "updated": "2025-07-04T12:00:00Z"},
    "v2.1": {"id": "v2.1", "status": "CURRENT", "version": "2.104", "min_version": "2.1", "updated": "2013-07-23T11:33:21Z"},
}
DESCRIBED = {"rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/api-ref/compute/"}


async def list_versions(req: Request) -> dict[str, Any]:
    return {"versions": [said | {"links": [_itself(req, path)]} for path, said in VERSIONS.items()]}


async def show_v2(req: Request) -> dict[str, Any]:
    return _view(req, "v2")


async def show_v2_1(req: Request) -> dict[str, Any]:
    return _view(req, "v2.1")


ROUTES = [
    Route("GET", "/", list_versions),
    Route("GET", "/v2", show_v2),
    Route("GET", "/v2.1", show_v2_1),
]


def _view(req: Request, path: str) -> dict[str, Any]:
    media = {"base": "application/json", "type": f"application/vnd.openstack.compute+json;version={path.removeprefix('v')}"}
    return {"version": VERSIONS[path] | {"links": [_itself(req, path), DESCRIBED], "media-types": [media]}}


def _itself(req: Request, path: str) -> dict[str, str]:
    root = req.path.rstrip("/").removesuffix("/v2").removesuffix("/v2.1")
    return {"rel": "self", "href": f"{req.origin}{root}/{path}/"}
