"""Resource providers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, UnsetType

from pileus.core.http import Reply, Request, Route, since
from pileus.placement.api import fields
from pileus.placement.api.fields import Body, Name, shown
from pileus.placement.model import Provider
from pileus.placement.query import Filters


class ProviderNew(Body):
    name: Name
    uuid: str | None = None
    parent_provider_uuid: Annotated[str | None, since(1, 14)] = None


class ProviderChange(Body):
    name: Name
    parent_provider_uuid: Annotated[str | UnsetType | None, since(1, 14)] = UNSET


FILTERS = {"name": (1, 0), "uuid": (1, 0), "member_of": (1, 3), "resources": (1, 4), "in_tree": (1, 14), "required": (1, 18)}
PARTS = ("inventories", "usages", "aggregates", "traits", "allocations")


def url(provider_id: str, *more: str) -> str:
    return "/".join(("/placement/resource_providers", provider_id, *more))


def view(p: Provider) -> dict[str, Any]:
    links = [{"rel": "self", "href": url(p.id)}, *({"rel": part, "href": url(p.id, part)} for part in PARTS)]
    return {"uuid": p.id, "name": p.name, "generation": p.generation, "links": links,
            "parent_provider_uuid": p.parent_id, "root_provider_uuid": p.root_id}


async def list_providers(req: Request):
    fields.only(req, FILTERS)
    q = req.query
    member_of, not_member_of = fields.member_of(req)
    required, forbidden = fields.traits(req)
    wanted = Filters(
        id=fields.query_uuid(q.get("uuid"), "uuid"), name=q.get("name"), in_tree=fields.query_uuid(q.get("in_tree"), "in_tree"),
        member_of=member_of, not_member_of=not_member_of, required=required, forbidden=forbidden,
        resources=fields.resources(q.get("resources") or "") if "resources" in q else {})
    await fields.check_names(req, {name for any_of in required for name in any_of} | forbidden, set(wanted.resources))
    found = await req.services.placement.list_providers(wanted)
    return shown(req, {"resource_providers": [view(p) for p in found]}, *(p.updated_at for p in found))


async def create_provider(req: Request, body: ProviderNew):
    """Before 1.20 only the location of the new provider is told."""
    made = await _create(req, body)
    return shown(req, view(made), made.updated_at, headers={"location": req.url(url(made.id))})


async def create_provider_silently(req: Request, body: ProviderNew):
    made = await _create(req, body)
    return Reply(201, None, {"location": req.url(url(made.id))})


async def _create(req: Request, body: ProviderNew) -> Provider:
    id = fields.as_uuid(body.uuid) if body.uuid is not None else req.services.placement.kit.ids.uuid()
    parent = fields.as_uuid(body.parent_provider_uuid) if body.parent_provider_uuid is not None else None
    return await req.services.placement.create_provider(id, body.name, parent)


async def show_provider(req: Request, provider_id: str):
    found = await req.services.placement.get_provider(provider_id)
    return shown(req, view(found), found.updated_at)


async def update_provider(req: Request, provider_id: str, body: ProviderChange):
    """From 1.37 on a provider may leave its parent."""
    parent = fields.as_uuid(body.parent_provider_uuid) if isinstance(body.parent_provider_uuid, str) else body.parent_provider_uuid
    changed = await req.services.placement.update_provider(provider_id, body.name, parent, may_leave=req.version >= (1, 37))
    return shown(req, view(changed), changed.updated_at)


async def delete_provider(req: Request, provider_id: str):
    await req.services.placement.delete_provider(provider_id)


P = "placement:resource_providers:"
ROUTES = [
    Route("GET", "/resource_providers", list_providers, policy=P + "list"),
    Route("POST", "/resource_providers", create_provider_silently, policy=P + "create", body=ProviderNew, ok=201, until=(1, 19)),
    Route("POST", "/resource_providers", create_provider, policy=P + "create", body=ProviderNew, since=(1, 20)),
    Route("GET", "/resource_providers/{provider_id}", show_provider, policy=P + "show"),
    Route("PUT", "/resource_providers/{provider_id}", update_provider, policy=P + "update", body=ProviderChange),
    Route("DELETE", "/resource_providers/{provider_id}", delete_provider, policy=P + "delete", ok=204),
]
