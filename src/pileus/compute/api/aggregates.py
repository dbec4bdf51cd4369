"""Host aggregates."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pileus.compute.api.fields import (
    LOOSE_PATTERN,
    NAME_PATTERN,
    UUID_PATTERN,
    HostName,
    MetadataKey,
    MetadataValue,
    Name,
    moment,
    only_key,
)
from pileus.compute.api.query import Parameters
from pileus.compute.model.aggregate import Aggregate
from pileus.core.errors import Invalid
from pileus.core.http import Request, Route

#: As a name, but `zone:host` in a server's order must stay readable.
ZoneName = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^(?!.*:)" + NAME_PATTERN.removeprefix("^"))]
LooseName = Annotated[str, Meta(min_length=1, max_length=255, pattern=LOOSE_PATTERN)]


class AggregateNew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    availability_zone: ZoneName | None = None


class AggregateCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    aggregate: AggregateNew


class AggregateChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: LooseName | UnsetType = UNSET
    availability_zone: ZoneName | UnsetType | None = UNSET


class AggregateUpdate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    aggregate: AggregateChanges


class HostOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: HostName


class MetadataOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    metadata: dict[MetadataKey, MetadataValue | None]


class AggregateAction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    add_host: HostOf | UnsetType = UNSET
    remove_host: HostOf | UnsetType = UNSET
    set_metadata: MetadataOf | UnsetType = UNSET


class CachedImage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: Annotated[str, Meta(pattern=UUID_PATTERN)]


class ImagesToCache(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cache: Annotated[list[CachedImage], Meta(min_length=1)]


READ = Parameters({}, strict=(2, 102))


async def list_aggregates(req: Request) -> dict[str, Any]:
    READ.read(req)
    return {"aggregates": [view(aggregate) for aggregate in await req.services.compute.aggregates.all()]}


async def show_aggregate(req: Request, aggregate_id: str) -> dict[str, Any]:
    READ.read(req)
    return {"aggregate": view(await req.services.compute.aggregates.get(_id(aggregate_id)))}


async def create_aggregate(req: Request, body: AggregateCreate) -> dict[str, Any]:
    made = await req.services.compute.aggregates.create(body.aggregate.name, body.aggregate.availability_zone)
    return {"aggregate": {key: value for key, value in view(made).items() if key not in ("hosts", "metadata")}}


async def update_aggregate(req: Request, aggregate_id: str, body: AggregateUpdate) -> dict[str, Any]:
    asked = body.aggregate
    if asked.name is UNSET and asked.availability_zone is UNSET:
        raise Invalid("Invalid input for field/attribute aggregate. One of 'name' and 'availability_zone' is required")
    name = asked.name.strip() if isinstance(asked.name, str) else None
    metadata = {} if asked.availability_zone is UNSET else {"availability_zone": asked.availability_zone}
    return {
        "aggregate": view(
            await req.services.compute.aggregates.update(_id(aggregate_id), name=name, metadata=metadata, action="update")
        )
    }


async def delete_aggregate(req: Request, aggregate_id: str) -> None:
    await req.services.compute.aggregates.delete(_id(aggregate_id))


async def act(req: Request, aggregate_id: str, body: AggregateAction) -> dict[str, Any]:
    """Each action has a rule of its own, enforced here because only the body names it."""
    given = {name: value for name in body.__struct_fields__ if (value := getattr(body, name)) is not UNSET}
    name, value = only_key(given)
    req.enforce(f"os_compute_api:os-aggregates:{name}")
    id, aggregates = _id(aggregate_id), req.services.compute.aggregates
    match name:
        case "add_host":
            changed = await aggregates.add_host(id, value.host)
        case "remove_host":
            changed = await aggregates.remove_host(id, value.host)
        case _:
            changed = await aggregates.update(id, metadata=value.metadata, action="update metadata of")
    return {"aggregate": view(changed)}


async def cache_images(req: Request, aggregate_id: str, body: ImagesToCache) -> None:
    """Have the aggregate's hosts fetch images before a server needs them."""
    ids = [image.id for image in body.cache]
    if len(set(ids)) < len(ids):
        raise Invalid("Duplicate images in request")
    await req.services.compute.image_caches.fetch(_id(aggregate_id), ids)


ALL, ONE, RULE = "/v2.1/os-aggregates", "/v2.1/os-aggregates/{aggregate_id}", "os_compute_api:os-aggregates:"
ROUTES = [
    Route("GET", ALL, list_aggregates, policy=RULE + "index"),
    Route("POST", ALL, create_aggregate, policy=RULE + "create", body=AggregateCreate),
    Route("GET", ONE, show_aggregate, policy=RULE + "show"),
    Route("PUT", ONE, update_aggregate, policy=RULE + "update", body=AggregateUpdate),
    Route("DELETE", ONE, delete_aggregate, policy=RULE + "delete"),
    Route("POST", ONE + "/action", act, policy=RULE + "action", body=AggregateAction),
    Route("POST", ONE + "/images", cache_images, policy="compute:aggregates:images", body=ImagesToCache, ok=202, since=(2, 81)),
]


def view(aggregate: Aggregate) -> dict[str, Any]:
    return {
        "id": aggregate.id,
        "uuid": aggregate.uuid,
        "name": aggregate.name,
        "availability_zone": aggregate.zone,
        "hosts": list(aggregate.hosts),
        "metadata": aggregate.metadata,
        "created_at": moment(aggregate.created_at),
        "updated_at": moment(aggregate.updated_at),
        "deleted": False,
        "deleted_at": None,
    }


def _id(value: str) -> int:
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 10):
        raise Invalid(f"Invalid input received: id must be an integer, not {value}")
    return int(value)
