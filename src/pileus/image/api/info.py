"""What this cloud offers: ways to import images, stores, and how much of it the caller's project uses."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.http import Request, Route

#: Where images can be stored.
STORES = [{"id": "file", "description": "Files of this cloud", "default": "true"}]


async def show_import(req: Request) -> dict[str, Any]:
    return {"import-methods": {"description": "Import methods available.", "type": "array", "value": req.services.image.imports.methods}}


async def show_stores(req: Request) -> dict[str, Any]:
    return {"stores": STORES}


async def show_usage(req: Request) -> dict[str, Any]:
    found = await req.services.image.quotas.usage(req.who.project_id)
    return {"usage": {name: {"usage": used, "limit": -1 if limit is None else limit} for name, (used, limit) in found.items()}}


ROUTES = [
    Route("GET", "/v2/info/import", show_import, policy="image_info"),
    Route("GET", "/v2/info/stores", show_stores, policy="image_info"),
    Route("GET", "/v2/info/usage", show_usage, policy="image_info"),
]
