"""Placement's HTTP face: no version in the path, microversions 1.0 to 1.39."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.http import Api, Microversions, Request, Route
from pileus.placement.api import allocations, names, providers
from pileus.placement.api.errors import render


async def versions(req: Request):
    return {"versions": [{"id": "v1.0", "min_version": "1.0", "max_version": "1.39", "status": "CURRENT", "links": [{"rel": "self", "href": ""}]}]}


API = Api(name="placement", root="/placement", render=render, microversions=Microversions("placement", (1, 0), (1, 39), []),
          routes=[Route("GET", "/", versions), *providers.ROUTES, *names.ROUTES, *allocations.ROUTES])
