"""What this cloud offers: ways to import images, stores."""

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


ROUTES = [
    Route("GET", "/v2/info/import", show_import, policy="image_info"),
    Route("GET", "/v2/info/stores", show_stores, policy="image_info"),
]
