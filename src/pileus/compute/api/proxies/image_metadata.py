"""Metadata of images in compute's old form (until 2.38): the custom properties of the image service, all or one by one."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus.compute.api.fields import MetadataKey, MetadataValue
from pileus.compute.api.proxies.images import find_image, target
from pileus.compute.errors import ComputeOverQuota
from pileus.core.errors import Invalid, NotFound
from pileus.core.http import Request, Route
from pileus.image.model import Image
from pileus.image.service.changes import Change


class MetadataBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    metadata: dict[MetadataKey, MetadataValue]


class MetaItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    meta: dict[MetadataKey, MetadataValue]


async def list_metadata(req: Request, image_id: str) -> dict[str, Any]:
    return {"metadata": (await _seen(req, image_id)).properties}


async def replace_metadata(req: Request, image_id: str, body: MetadataBody) -> dict[str, Any]:
    image = await find_image(req, image_id)
    return {"metadata": await _change(req, image, body.metadata, image.properties.keys() - body.metadata.keys())}


async def update_metadata(req: Request, image_id: str, body: MetadataBody) -> dict[str, Any]:
    return {"metadata": await _change(req, await find_image(req, image_id), body.metadata)}


async def show_metadata_item(req: Request, image_id: str, key: str) -> dict[str, Any]:
    return {"meta": {key: _value(await _seen(req, image_id), key)}}


async def set_metadata_item(req: Request, image_id: str, key: str, body: MetaItem) -> dict[str, Any]:
    if set(body.meta) != {key}:
        raise Invalid("Request body and URI mismatch")
    await _change(req, await find_image(req, image_id), body.meta)
    return {"meta": body.meta}


async def delete_metadata_item(req: Request, image_id: str, key: str) -> None:
    image = await find_image(req, image_id)
    _value(image, key)
    await _change(req, image, {}, {key})


ALL, ONE = "/v2.1/images/{image_id}/metadata", "/v2.1/images/{image_id}/metadata/{key}"
UNTIL, RULE = (2, 38), "os_compute_api:image-metadata:"
ROUTES = [
    Route("GET", ALL, list_metadata, policy=RULE + "index", until=UNTIL),
    Route("PUT", ALL, replace_metadata, policy=RULE + "update_all", body=MetadataBody, until=UNTIL),
    Route("POST", ALL, update_metadata, policy=RULE + "create", body=MetadataBody, until=UNTIL),
    Route("GET", ONE, show_metadata_item, policy=RULE + "show", until=UNTIL),
    Route("PUT", ONE, set_metadata_item, policy=RULE + "update", body=MetaItem, until=UNTIL),
    Route("DELETE", ONE, delete_metadata_item, policy=RULE + "delete", ok=204, until=UNTIL),
]


async def _seen(req: Request, image_id: str) -> Image:
    image = await find_image(req, image_id)
    req.enforce("get_image", target(image, req))
    return image


def _value(image: Image, key: str) -> str:
    if key not in image.properties:
        raise NotFound("Invalid metadata key")
    return image.properties[key]


async def _change(req: Request, image: Image, items: dict[str, str], gone: Any = frozenset()) -> dict[str, str]:
    """Set and remove properties; returns all of them. Raises Invalid for names of attributes that are no custom properties."""
    limits = await req.services.compute.quotas.limits(req.who.project_id, req.who.user_id)

    def check(found: Image, values: dict[str, Any]) -> None:
        req.enforce("modify_image", target(found, req))
        if values.keys() - {"properties"}:
            raise Invalid(f"Not a custom property: {', '.join(sorted(values.keys() - {'properties'}))}.")
        if 0 <= limits["metadata_items"] < len(values.get("properties", found.properties)):
            raise ComputeOverQuota("Image metadata limit exceeded")

    changes = [Change("remove", name) for name in sorted(gone)] + [Change("add", name, value) for name, value in items.items()]
    return (await req.services.image.change(req.who, image.id, changes, check)).properties
