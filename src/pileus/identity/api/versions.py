"""Version discovery, for which nobody needs a token."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.http import Reply, Request, Route
from pileus.identity.api import json_home
from pileus.identity.api.views import BASE


async def list_versions(req: Request) -> Reply:
    """300: choose one."""
    if _wants_home(req):
        return Reply(200, json_home.document("/v3"), content_type=json_home.MEDIA_TYPE)
    return Reply(300, {"versions": {"values": [document(req)]}}, {"location": req.url(BASE) + "/"})


async def show_version(req: Request) -> Reply:
    if _wants_home(req):
        return Reply(200, json_home.document(""), content_type=json_home.MEDIA_TYPE)
    return Reply(200, {"version": document(req)})


def _wants_home(req: Request) -> bool:
    return req.falcon.client_prefers(("application/json", json_home.MEDIA_TYPE)) == json_home.MEDIA_TYPE


def document(req: Request) -> dict[str, Any]:
    return {
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": req.url(BASE) + "/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    }


ROUTES = [
    Route("GET", "/", list_versions),
    Route("GET", "/v3", show_version),
]
