"""The cache of this host: what is in it, what is to be."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.context import EVERYONE
from pileus.core.errors import Invalid
from pileus.core.http import Request, Route
from pileus.image.model import Cached

#: What is forgotten → (what is cached, what is queued).
TARGETS = {"": (True, True), "cache": (True, False), "queue": (False, True)}
CLEAR_TARGET = "x-image-cache-clear-target"


async def show_cache(req: Request) -> dict[str, Any]:
    found = await req.services.image.cache.all()
    return {"cached_images": [cached_view(copy) for copy in found if copy.cached_at is not None],
            "queued_images": [copy.image_id for copy in found if copy.cached_at is None]}


async def cache_image(req: Request, image_id: str) -> None:
    images = req.services.image
    await images.cache.queue(await images.get(image_id, EVERYONE))


async def list_nodes(req: Request, image_id: str) -> list[str]:
    images = req.services.image
    return await images.cache.nodes(await images.get(image_id, EVERYONE))


async def clean_cache(req: Request) -> None:
    await req.services.image.cache.tidy()


async def prune_cache(req: Request) -> dict[str, int]:
    pruned = await req.services.image.cache.shrink()
    return {"total_files_pruned": pruned.files, "total_bytes_pruned": pruned.size}


async def uncache_image(req: Request, image_id: str) -> None:
    await req.services.image.cache.remove(image_id)


async def clear_cache(req: Request) -> None:
    target = (req.header(CLEAR_TARGET) or "").lower()
    if target not in TARGETS:
        raise Invalid(f"If provided, {CLEAR_TARGET} must be 'cache' or 'queue'.")
    cached, queued = TARGETS[target]
    await req.services.image.cache.clear(cached=cached, queued=queued)


ROUTES = [
    Route("GET", "/v2/cache", show_cache, policy="cache_list"),
    Route("GET", "/v2/cache/nodes/{image_id}", list_nodes, policy="list_cached_nodes"),
    Route("POST", "/v2/cache/clean", clean_cache, policy="cache_clean"),
    Route("POST", "/v2/cache/prune", prune_cache, policy="cache_prune"),
    Route("DELETE", "/v2/cache", clear_cache, policy="cache_delete", ok=204),
    Route("PUT", "/v2/cache/{image_id}", cache_image, policy="cache_image", ok=202),
    Route("DELETE", "/v2/cache/{image_id}", uncache_image, policy="cache_delete", ok=204),
]


def cached_view(copy: Cached) -> dict[str, Any]:
    """With times as numbers: clients reckon with them."""
    return {"image_id": copy.image_id, "hits": copy.hits, "size": copy.size, "last_accessed": copy.accessed_at.timestamp(),
            "last_modified": copy.cached_at.timestamp() if copy.cached_at is not None else None}
