"""Which projects see a private flavor."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from pileus.compute.api.fields import only_key
from pileus.compute.api.query import Parameters
from pileus.core.http import Request, Route

ProjectId = Annotated[str, Meta(min_length=1, max_length=255)]
LIST = Parameters({}, strict=(2, 102))


class Tenant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tenant: ProjectId


class FlavorAction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    add: Tenant | UnsetType = field(name="addTenantAccess", default=UNSET)
    remove: Tenant | UnsetType = field(name="removeTenantAccess", default=UNSET)


async def list_access(req: Request, flavor_id: str) -> dict[str, Any]:
    LIST.read(req)
    return _view(flavor_id, await req.services.compute.flavors.access(flavor_id, req.who))


async def act(req: Request, flavor_id: str, body: FlavorAction) -> dict[str, Any]:
    """Each action has a rule of its own, which the service enforces."""
    return await _act(req, flavor_id, body, public_too=False)


async def act_on_any(req: Request, flavor_id: str, body: FlavorAction) -> dict[str, Any]:
    """Access to a public flavor could be granted as well, though it meant nothing."""
    return await _act(req, flavor_id, body, public_too=True)


async def _act(req: Request, flavor_id: str, body: FlavorAction, *, public_too: bool) -> dict[str, Any]:
    name, tenant = only_key({k: v for k, v in (("add", body.add), ("remove", body.remove)) if v is not UNSET})
    flavors = req.services.compute.flavors
    if name == "add":
        return _view(flavor_id, await flavors.grant(flavor_id, tenant.tenant, req.who, public_too=public_too))
    return _view(flavor_id, await flavors.revoke(flavor_id, tenant.tenant, req.who))


ROUTES = [
    Route("GET", "/v2.1/flavors/{flavor_id}/os-flavor-access", list_access, policy="os_compute_api:os-flavor-access"),
    Route("POST", "/v2.1/flavors/{flavor_id}/action", act, policy="os_compute_api:flavors:action", body=FlavorAction, since=(2, 7)),
    Route(
        "POST",
        "/v2.1/flavors/{flavor_id}/action",
        act_on_any,
        policy="os_compute_api:flavors:action",
        body=FlavorAction,
        until=(2, 6),
    ),
]


def _view(flavor_id: str, projects: list[str]) -> dict[str, Any]:
    return {"flavor_access": [{"flavor_id": flavor_id, "tenant_id": project} for project in projects]}
