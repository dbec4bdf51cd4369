"""What this cloud offers: ways to import images, stores, and how much of it the caller's project uses."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.http import Request, Route
from pileus.image.backends.stores import Stores


async def show_import(req: Request) -> dict[str, Any]:
    return {"import-methods": {"description": "Import methods available.", "type": "array", "value": req.services.image.imports.methods}}


async def show_stores(req: Request) -> dict[str, Any]:
    return {"stores": [_store(req.services.image.stores, id) for id in req.services.image.stores.configured]}


async def show_stores_detail(req: Request) -> dict[str, Any]:
    stores: Stores = req.services.image.stores
    return {"stores": [_store(stores, id) | {"type": config.type, "weight": config.weight, "properties": config.properties()}
                       for id, config in stores.configured.items()]}


async def show_usage(req: Request) -> dict[str, Any]:
    found = await req.services.image.quotas.usage(req.who.project_id)
    return {"usage": {name: {"usage": used, "limit": -1 if limit is None else limit} for name, (used, limit) in found.items()}}


ROUTES = [
    Route("GET", "/v2/info/import", show_import, policy="image_info"),
    Route("GET", "/v2/info/stores", show_stores, policy="image_info"),
    Route("GET", "/v2/info/usage", show_usage, policy="image_info"),
    Route("GET", "/v2/info/stores/detail", show_stores_detail, policy="stores_info_detail"),
]


def _store(stores: Stores, id: str) -> dict[str, str]:
    """What users see of a store. The values are text: so Glance has it."""
    description = stores.configured[id].description
    return {"id": id} | ({"description": description} if description else {}) \
        | ({"default": "true"} if id == stores.default else {}) | ({"read-only": "true"} if id not in stores.writable else {})
