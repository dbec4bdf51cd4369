"""Flavors: list, show, create, describe, delete."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, field

from pileus.compute.api.fields import Description, Flag, Name, Natural, Positive, count, flag
from pileus.compute.api.query import ALWAYS, Parameters, next_links, page_of, self_links
from pileus.compute.errors import InvalidInput
from pileus.compute.model.flavor import Flavor, Wanted
from pileus.core.errors import Invalid
from pileus.core.http import Request, Route, since, until

FlavorId = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^(?! )[a-zA-Z0-9. _-]+(?<! )\Z")]
MAX_RXTX = 3.40282e38


class FlavorNew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    id: FlavorId | int | float | None = None
    ram: Positive
    vcpus: Positive
    disk: Natural
    ephemeral: Natural = field(name="OS-FLV-EXT-DATA:ephemeral", default=0)
    swap: Natural = 0
    rxtx_factor: Annotated[int | float | str, until(2, 101)] = 1.0
    public: Flag = field(name="os-flavor-access:is_public", default=True)
    description: Annotated[Description | None, since(2, 55)] = None


class FlavorCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    flavor: FlavorNew


class Described(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    description: Description | None


class FlavorUpdate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    flavor: Described


LIST = Parameters(
    {
        "limit": ALWAYS,
        "marker": ALWAYS,
        "is_public": ALWAYS,
        "minRam": ALWAYS,
        "minDisk": ALWAYS,
        "sort_key": ALWAYS,
        "sort_dir": ALWAYS,
        "name": since(2, 102),
    }
)
SHOW = Parameters({}, strict=(2, 102))


async def list_flavors(req: Request) -> dict[str, Any]:
    return await _list(req, basic)


async def list_flavors_in_detail(req: Request) -> dict[str, Any]:
    return await _list(req, view)


async def _list(req: Request, shown: Any) -> dict[str, Any]:
    asked = LIST.read(req)
    found = await req.services.compute.flavors.list(req.who, _wanted(asked))
    page, marker = page_of(asked, found, lambda flavor: flavor.id)
    links = next_links(req, asked, marker)
    return {"flavors": [shown(req, flavor) for flavor in page]} | ({"flavors_links": links} if links else {})


async def show_flavor(req: Request, flavor_id: str) -> dict[str, Any]:
    SHOW.read(req)
    return {"flavor": view(req, await req.services.compute.flavors.get(flavor_id, req.who))}


async def create_flavor(req: Request, body: FlavorCreate) -> dict[str, Any]:
    asked = body.flavor
    flavor = Flavor(
        id="" if asked.id is None else str(asked.id),
        name=asked.name,
        memory_mb=count(asked.ram, "ram", 1),
        vcpus=count(asked.vcpus, "vcpus", 1),
        root_gib=count(asked.disk, "disk"),
        ephemeral_gib=count(asked.ephemeral, "ephemeral"),
        swap_mb=count(asked.swap, "swap"),
        rxtx_factor=_rxtx(asked.rxtx_factor),
        public=flag(asked.public),
        description=asked.description,
    )
    return {"flavor": view(req, await req.services.compute.flavors.create(flavor))}


async def update_flavor(req: Request, flavor_id: str, body: FlavorUpdate) -> dict[str, Any]:
    return {"flavor": view(req, await req.services.compute.flavors.describe(flavor_id, body.flavor.description, req.who))}


async def delete_flavor(req: Request, flavor_id: str) -> None:
    await req.services.compute.flavors.delete(flavor_id)


ROUTES = [
    Route("GET", "/v2.1/flavors", list_flavors, policy="os_compute_api:flavors:index"),
    Route("GET", "/v2.1/flavors/detail", list_flavors_in_detail, policy="os_compute_api:flavors:detail"),
    Route("GET", "/v2.1/flavors/{flavor_id}", show_flavor, policy="os_compute_api:flavors:show"),
    Route("POST", "/v2.1/flavors", create_flavor, policy="os_compute_api:os-flavor-manage:create", body=FlavorCreate),
    Route(
        "PUT",
        "/v2.1/flavors/{flavor_id}",
        update_flavor,
        policy="os_compute_api:os-flavor-manage:update",
        body=FlavorUpdate,
        since=(2, 55),
    ),
    Route("DELETE", "/v2.1/flavors/{flavor_id}", delete_flavor, policy="os_compute_api:os-flavor-manage:delete", ok=202),
]


def basic(req: Request, flavor: Flavor) -> dict[str, Any]:
    return {"id": flavor.id, "name": flavor.name, "links": self_links(req, "flavors", flavor.id), "description": flavor.description}


def view(req: Request, flavor: Flavor) -> dict[str, Any]:
    shown = basic(req, flavor) | {
        "ram": flavor.memory_mb,
        "vcpus": flavor.vcpus,
        "disk": flavor.root_gib,
        "swap": flavor.swap_mb,
        "OS-FLV-EXT-DATA:ephemeral": flavor.ephemeral_gib,
        "os-flavor-access:is_public": flavor.public,
        "OS-FLV-DISABLED:disabled": flavor.disabled,
        "rxtx_factor": flavor.rxtx_factor or "",
    }
    if req.services.compute.flavors.shows_extra_specs(req.who):
        shown["extra_specs"] = flavor.extra_specs
    return shown


def _wanted(asked: dict[str, str]) -> Wanted:
    if asked.get("sort_dir", "asc") not in ("asc", "desc"):
        raise InvalidInput(reason=f"sort_dir {asked['sort_dir']} is not one of asc, desc")
    return Wanted(
        public=_public(asked.get("is_public")),
        ram_min=_least(asked, "minRam"),
        disk_min=_least(asked, "minDisk"),
        name=asked.get("name"),
        sort_key=asked.get("sort_key", "flavorid"),
        descending=asked.get("sort_dir") == "desc",
    )


def _public(value: str | None) -> bool | None:
    match (value or "true").lower():
        case "none":
            return None
        case "true" | "t" | "1" | "yes" | "y" | "on":
            return True
        case "false" | "f" | "0" | "no" | "n" | "off":
            return False
    raise Invalid(f"Invalid is_public filter [{value}]")


def _least(asked: dict[str, str], key: str) -> int | None:
    value = asked.get(key)
    if value is not None and not (value.removeprefix("-").isdecimal() and value.isascii() and len(value) <= 12):
        raise Invalid(f"Invalid {key} filter [{value}]")
    return None if value is None else int(value)


def _rxtx(value: int | float | str) -> float:
    if isinstance(value, str) and not (value.replace(".", "", 1).isdecimal() and value[0] != "." and value[-1] != "."):
        raise Invalid(
            f"Invalid input for field/attribute rxtx_factor. Value: {value}. '{value}' does not match '^[0-9]+(\\.[0-9]+)?$'"
        )
    number = float(value)
    if not 0 < number <= MAX_RXTX:
        raise Invalid(
            f"Invalid input for field/attribute rxtx_factor. Value: {value}. It must be more than 0 and at most {MAX_RXTX}"
        )
    return number
