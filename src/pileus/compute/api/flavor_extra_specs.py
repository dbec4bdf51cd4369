"""Extra specs of a flavor."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from pileus.compute.api.query import Parameters
from pileus.compute.model import extra_specs
from pileus.core.errors import Invalid
from pileus.core.http import Request, Route

Key = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[a-zA-Z0-9\-_:. ]+\Z")]
Value = Annotated[str, Meta(max_length=255)] | int | float
Specs = dict[Key, Value]
READ = Parameters({}, strict=(2, 102))


class SpecsCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    extra_specs: Specs


async def list_specs(req: Request, flavor_id: str) -> dict[str, Any]:
    READ.read(req)
    flavor = await req.services.compute.flavors.get(flavor_id, req.who)
    return {"extra_specs": flavor.extra_specs}


async def create_specs(req: Request, flavor_id: str, body: SpecsCreate) -> dict[str, Any]:
    specs = _checked(body.extra_specs)
    await req.services.compute.flavors.set_extra_specs(flavor_id, specs)
    return {"extra_specs": specs}


async def create_specs_unchecked(req: Request, flavor_id: str, body: SpecsCreate) -> dict[str, Any]:
    specs = _texts(body.extra_specs)
    await req.services.compute.flavors.set_extra_specs(flavor_id, specs)
    return {"extra_specs": specs}


async def show_spec(req: Request, flavor_id: str, key: str) -> dict[str, Any]:
    READ.read(req)
    return {key: await req.services.compute.flavors.extra_spec(flavor_id, key, req.who)}


async def update_spec(req: Request, flavor_id: str, key: str, body: Specs) -> dict[str, Any]:
    specs = _checked(_one(key, body))
    await req.services.compute.flavors.set_extra_specs(flavor_id, specs)
    return specs


async def update_spec_unchecked(req: Request, flavor_id: str, key: str, body: Specs) -> dict[str, Any]:
    specs = _texts(_one(key, body))
    await req.services.compute.flavors.set_extra_specs(flavor_id, specs)
    return specs


async def delete_spec(req: Request, flavor_id: str, key: str) -> Any:
    await req.services.compute.flavors.delete_extra_spec(flavor_id, key)


LIST, ONE = "/v2.1/flavors/{flavor_id}/os-extra_specs", "/v2.1/flavors/{flavor_id}/os-extra_specs/{key}"
ROUTES = [
    Route("GET", LIST, list_specs, policy="os_compute_api:os-flavor-extra-specs:index"),
    Route("POST", LIST, create_specs, policy="os_compute_api:os-flavor-extra-specs:create", body=SpecsCreate, since=(2, 86)),
    Route(
        "POST", LIST, create_specs_unchecked, policy="os_compute_api:os-flavor-extra-specs:create", body=SpecsCreate, until=(2, 85)
    ),
    Route("GET", ONE, show_spec, policy="os_compute_api:os-flavor-extra-specs:show"),
    Route("PUT", ONE, update_spec, policy="os_compute_api:os-flavor-extra-specs:update", body=Specs, since=(2, 86)),
    Route("PUT", ONE, update_spec_unchecked, policy="os_compute_api:os-flavor-extra-specs:update", body=Specs, until=(2, 85)),
    Route("DELETE", ONE, delete_spec, policy="os_compute_api:os-flavor-extra-specs:delete"),
]


def _texts(specs: Specs) -> dict[str, str]:
    return {key: str(value) for key, value in specs.items()}


def _checked(specs: Specs) -> dict[str, str]:
    found = _texts(specs)
    for key, value in found.items():
        extra_specs.check(key, value)
    return found


def _one(key: str, body: Specs) -> Specs:
    if len(body) != 1:
        raise Invalid("Invalid input: exactly one extra spec is expected.")
    if key not in body:
        raise Invalid("Request body and URI mismatch")
    return body
