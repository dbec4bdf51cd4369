"""Placement's HTTP face: no version in the path, microversions 1.0 to 1.39."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.http import Api, Request, Route
from pileus.core.http.microversion import show
from pileus.placement.api import aggregates, allocations, candidates, classes, inventories, providers, traits, usages
from pileus.placement.api.changes import MICROVERSIONS
from pileus.placement.api.errors import render
from pileus.placement.api.fields import shown


async def versions(req: Request):
    low, high = show(MICROVERSIONS.low), show(MICROVERSIONS.high)
    return shown(req, {"versions": [{"id": f"v{low}", "min_version": low, "max_version": high, "status": "CURRENT",
                                     "links": [{"rel": "self", "href": ""}]}]})


PARTS = (providers, inventories, traits, aggregates, classes, allocations, usages, candidates)
API = Api(name="placement", root="/placement", render=render, microversions=MICROVERSIONS, strict=True,
          routes=[Route("GET", "/", versions), *(route for part in PARTS for route in part.ROUTES)])
