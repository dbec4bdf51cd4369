"""Where the bytes of images are: said by their owner once, told to services."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from pileus.core.http import Request, Route
from pileus.image.api.targets import of_image


class ValidationData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    os_hash_algo: Annotated[str, Meta(max_length=64)] | None = None
    os_hash_value: Annotated[str, Meta(max_length=128)] | None = None


class LocationOrder(msgspec.Struct, forbid_unknown_fields=True):
    url: Annotated[str, Meta(min_length=1, max_length=2048)]
    validation_data: ValidationData = ValidationData()


async def add_location(req: Request, image_id: str, body: LocationOrder) -> None:
    who, given = msgspec.structs.replace(req.who, request_id=req.id), body.validation_data
    await req.services.image.locations.add(who, req.found, body.url, given.os_hash_algo, given.os_hash_value)


async def list_locations(req: Request, image_id: str) -> list[Any]:
    return req.services.image.locations.all(req.found)


ROUTES = [
    Route("GET", "/v2/images/{image_id}/locations", list_locations, policy="fetch_image_location", target=of_image),
    Route("POST", "/v2/images/{image_id}/locations", add_location, policy="add_image_location", target=of_image, body=LocationOrder,
          ok=202),
]
