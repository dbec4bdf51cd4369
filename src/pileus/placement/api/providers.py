"""Resource providers and what hangs on them: inventories, traits, aggregates, usages, allocations."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from pileus.core.errors import Invalid
from pileus.core.http import Reply, Request, Route
from pileus.placement.api import fields
from pileus.placement.api.fields import Amount, Body, Label, Name, Whole
from pileus.placement.errors import ConcurrentUpdate, InventoryExists, InventoryInvalid, InventoryNotFound
from pileus.placement.model import MAX_INT, Inventory, Provider
from pileus.placement.query import Filters


class ProviderNew(Body, kw_only=True):
    name: Name
    uuid: str | None = None
    parent_provider_uuid: str | None = None


class ProviderChange(Body, kw_only=True):
    name: Name
    parent_provider_uuid: str | None | msgspec.UnsetType = msgspec.UNSET


class Held(Body, kw_only=True):
    """An inventory in a body."""

    total: Amount
    reserved: Whole = 0
    min_unit: Amount = 1
    max_unit: Amount = MAX_INT
    step_size: Amount = 1
    allocation_ratio: Annotated[float, Meta(gt=0, le=3.402823466e38)] = 1.0
    resource_provider_generation: int | None = None
    resource_class: Label | None = None

    def inventory(self, provider: str, name: str, req: Request) -> Inventory:
        """Raises InventoryInvalid when nothing (before 1.26: when not one) is left to hand out."""
        if self.reserved > self.total or (self.reserved == self.total and req.version < (1, 26)):
            raise InventoryInvalid(resource_class=name, provider=provider, than="or equal to " if req.version < (1, 26) else "")
        return Inventory(total=self.total, reserved=self.reserved, min_unit=self.min_unit, max_unit=self.max_unit, step_size=self.step_size,
                         allocation_ratio=self.allocation_ratio)


class Inventories(Body, kw_only=True):
    resource_provider_generation: int
    inventories: dict[Label, Held]


class Traits(Body, kw_only=True):
    resource_provider_generation: int
    traits: list[Label]


class Aggregates(Body, kw_only=True):
    resource_provider_generation: int | None = None
    aggregates: list[str]


def show(p: Provider, req: Request) -> dict[str, Any]:
    base = f"/placement/resource_providers/{p.id}"
    parts = [("inventories", (1, 0)), ("usages", (1, 0)), ("aggregates", (1, 1)), ("traits", (1, 6)), ("allocations", (1, 11))]
    view: dict[str, Any] = {"uuid": p.id, "name": p.name, "generation": p.generation, "links": [{"rel": "self", "href": base}, *(
        {"rel": part, "href": f"{base}/{part}"} for part, first in parts if req.version >= first)]}
    if req.version >= (1, 14):
        view |= {"parent_provider_uuid": p.parent_id, "root_provider_uuid": p.root_id}
    return view


async def list_providers(req: Request):
    fields.only(req, "name", "uuid", *(["member_of"] if req.version >= (1, 3) else []), *(["resources"] if req.version >= (1, 4) else []),
                *(["in_tree"] if req.version >= (1, 14) else []), *(["required"] if req.version >= (1, 18) else []))
    q = req.query
    member, not_member = fields.member_of(q.all("member_of"), req)
    required, forbidden = fields.traits(q.all("required"), req)
    wanted = Filters(id=fields.as_uuid(q.get("uuid")) if "uuid" in q else None, name=q.get("name"), member_of=member, not_member_of=not_member,
                     in_tree=fields.as_uuid(q.get("in_tree")) if "in_tree" in q else None, required=required, forbidden=forbidden,
                     resources=fields.resources(q.get("resources")) if "resources" in q else {})
    await _check_names(req, {name for any_of in required for name in any_of} | forbidden, set(wanted.resources))
    return {"resource_providers": [show(p, req) for p in await req.services.placement.list_providers(wanted)]}


async def _check_names(req: Request, traits: set[str], classes: set[str]) -> None:
    """Raise Invalid for a trait or a class that nobody made."""
    for name in sorted(traits):
        if not await req.services.placement.trait_exists(name):
            raise Invalid(f"No such trait(s): {name}.")
    for name in sorted(classes):
        if not await req.services.placement.class_exists(name):
            raise Invalid(f"Invalid resource class in resources parameter: No such resource class {name}.")


async def create_provider(req: Request, body: ProviderNew):
    if req.version < (1, 14) and body.parent_provider_uuid is not None:
        raise Invalid("JSON does not validate: Additional properties are not allowed ('parent_provider_uuid' was unexpected)")
    id = fields.as_uuid(body.uuid) if body.uuid else req.services.placement.kit.ids.uuid()
    parent = fields.as_uuid(body.parent_provider_uuid) if body.parent_provider_uuid else None
    made = await req.services.placement.create_provider(id, body.name, parent)
    location = {"location": req.url(f"/placement/resource_providers/{id}")}
    return Reply(200, show(made, req), location) if req.version >= (1, 20) else Reply(201, None, location)


async def show_provider(req: Request, provider_id: str):
    return show(await req.services.placement.get_provider(provider_id), req)


async def update_provider(req: Request, provider_id: str, body: ProviderChange):
    placement = req.services.placement
    await placement.get_provider(provider_id)
    if body.parent_provider_uuid is not msgspec.UNSET:
        if req.version < (1, 14):
            raise Invalid("JSON does not validate: Additional properties are not allowed ('parent_provider_uuid' was unexpected)")
        parent = fields.as_uuid(body.parent_provider_uuid) if body.parent_provider_uuid else None
        await placement.move_provider(provider_id, parent, may_leave=req.version >= (1, 37))
    return show(await placement.rename_provider(provider_id, body.name), req)


async def delete_provider(req: Request, provider_id: str):
    await req.services.placement.delete_provider(provider_id)


# ---- inventories -----------------------------------------------------------------------------------------------------
def _show_inventory(stock: Any) -> dict[str, Any]:
    return {f: getattr(stock, f) for f in Inventory.__struct_fields__}


async def list_inventories(req: Request, provider_id: str):
    provider = await req.services.placement.get_provider(provider_id)
    stocks = await req.services.placement.inventory(provider_id)
    return {"resource_provider_generation": provider.generation, "inventories": {n: _show_inventory(s) for n, s in stocks.items()}}


async def replace_inventories(req: Request, provider_id: str, body: Inventories):
    wanted = {n: h.inventory(provider_id, n, req) for n, h in body.inventories.items()}
    await req.services.placement.set_inventory(provider_id, wanted, body.resource_provider_generation)
    return await list_inventories(req, provider_id)


async def add_inventory(req: Request, provider_id: str, body: Held):
    name = body.resource_class
    if name is None:
        raise Invalid("JSON does not validate: 'resource_class' is a required property")
    known = await req.services.placement.inventory(provider_id)
    if name in known:
        raise InventoryExists(resource_class=name)
    plain = {n: Inventory(**_show_inventory(s)) for n, s in known.items()}
    await req.services.placement.set_inventory(provider_id, plain | {name: body.inventory(provider_id, name, req)}, body.resource_provider_generation)
    return Reply(201, await show_inventory(req, provider_id, name), {"location": req.url(f"{req.path}/{name}")})


async def show_inventory(req: Request, provider_id: str, resource_class: str):
    provider = await req.services.placement.get_provider(provider_id)
    stock = (await req.services.placement.inventory(provider_id)).get(resource_class)
    if stock is None:
        raise InventoryNotFound(resource_class=resource_class, provider=provider_id)
    return {"resource_provider_generation": provider.generation} | _show_inventory(stock)


async def replace_inventory(req: Request, provider_id: str, resource_class: str, body: Held):
    if body.resource_provider_generation is None:
        raise Invalid("JSON does not validate: 'resource_provider_generation' is a required property")
    provider = await req.services.placement.get_provider(provider_id)
    if provider.generation != body.resource_provider_generation:
        raise ConcurrentUpdate()
    inventory = body.inventory(provider_id, resource_class, req)
    await req.services.placement.put_inventory(provider_id, resource_class, inventory, body.resource_provider_generation)
    return await show_inventory(req, provider_id, resource_class)


async def delete_inventory(req: Request, provider_id: str, resource_class: str):
    await req.services.placement.delete_inventory(provider_id, resource_class)


async def delete_inventories(req: Request, provider_id: str):
    provider = await req.services.placement.get_provider(provider_id)
    await req.services.placement.set_inventory(provider_id, {}, provider.generation)


# ---- traits, aggregates ----------------------------------------------------------------------------------------------
async def list_traits(req: Request, provider_id: str):
    provider = await req.services.placement.get_provider(provider_id)
    return {"traits": sorted(await req.services.placement.traits(provider_id)), "resource_provider_generation": provider.generation}


async def replace_traits(req: Request, provider_id: str, body: Traits):
    await req.services.placement.set_traits(provider_id, set(body.traits), body.resource_provider_generation)
    return await list_traits(req, provider_id)


async def delete_traits(req: Request, provider_id: str):
    provider = await req.services.placement.get_provider(provider_id)
    await req.services.placement.set_traits(provider_id, set(), provider.generation)


async def list_aggregates(req: Request, provider_id: str):
    provider = await req.services.placement.get_provider(provider_id)
    view: dict[str, Any] = {"aggregates": sorted(await req.services.placement.aggregates(provider_id))}
    return view | ({"resource_provider_generation": provider.generation} if req.version >= (1, 19) else {})


async def replace_aggregates(req: Request, provider_id: str, body: Aggregates | list[str]):
    wanted, generation = (body, None) if isinstance(body, list) else (body.aggregates, body.resource_provider_generation)
    if isinstance(body, list) != (req.version < (1, 19)) or (req.version >= (1, 19) and generation is None):
        raise Invalid("JSON does not validate: the body is not that of this microversion")
    await req.services.placement.set_aggregates(provider_id, {fields.as_uuid(a, "aggregates") for a in wanted}, generation)
    return await list_aggregates(req, provider_id)


# ---- usages, allocations ---------------------------------------------------------------------------------------------
async def show_usages(req: Request, provider_id: str):
    provider = await req.services.placement.get_provider(provider_id)
    stocks = await req.services.placement.inventory(provider_id)
    return {"resource_provider_generation": provider.generation, "usages": {n: s.used for n, s in stocks.items()}}


async def list_allocations(req: Request, provider_id: str):
    provider = await req.services.placement.get_provider(provider_id)
    held = await req.services.placement.allocations_on(provider_id)
    view = {}
    for consumer_id, resources in held.items():
        view[consumer_id] = {"resources": resources}
        if req.version >= (1, 28):
            consumer = await req.services.placement.consumer(consumer_id)
            view[consumer_id]["consumer_generation"] = consumer.generation
    return {"allocations": view, "resource_provider_generation": provider.generation}




ONE = "/resource_providers/{provider_id}"
P = "placement:resource_providers:"
ROUTES = [
    Route("GET", "/resource_providers", list_providers, policy=P + "list"),
    Route("POST", "/resource_providers", create_provider, policy=P + "create", body=ProviderNew),
    Route("GET", ONE, show_provider, policy=P + "show"),
    Route("PUT", ONE, update_provider, policy=P + "update", body=ProviderChange),
    Route("DELETE", ONE, delete_provider, policy=P + "delete", ok=204),
    Route("GET", ONE + "/inventories", list_inventories, policy=P + "inventories:list"),
    Route("PUT", ONE + "/inventories", replace_inventories, policy=P + "inventories:update", body=Inventories),
    Route("POST", ONE + "/inventories", add_inventory, policy=P + "inventories:create", body=Held),
    Route("DELETE", ONE + "/inventories", delete_inventories, policy=P + "inventories:delete", ok=204, since=(1, 5)),
    Route("GET", ONE + "/inventories/{resource_class}", show_inventory, policy=P + "inventories:show"),
    Route("PUT", ONE + "/inventories/{resource_class}", replace_inventory, policy=P + "inventories:update", body=Held),
    Route("DELETE", ONE + "/inventories/{resource_class}", delete_inventory, policy=P + "inventories:delete", ok=204),
    Route("GET", ONE + "/traits", list_traits, policy=P + "traits:list", since=(1, 6)),
    Route("PUT", ONE + "/traits", replace_traits, policy=P + "traits:update", body=Traits, since=(1, 6)),
    Route("DELETE", ONE + "/traits", delete_traits, policy=P + "traits:delete", ok=204, since=(1, 6)),
    Route("GET", ONE + "/aggregates", list_aggregates, policy=P + "aggregates:list", since=(1, 1)),
    Route("PUT", ONE + "/aggregates", replace_aggregates, policy=P + "aggregates:update", body=Aggregates | list[str], since=(1, 1)),
    Route("GET", ONE + "/usages", show_usages, policy=P + "usages"),
    Route("GET", ONE + "/allocations", list_allocations, policy=P + "allocations:list"),
]
