"""Inventories of a provider, and how much of them is in use."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from pileus.core.errors import Invalid
from pileus.core.http import Request, Route
from pileus.placement.api.fields import Amount, Body, Label, Whole, shown
from pileus.placement.api.providers import url
from pileus.placement.errors import InventoryInvalid, InventoryNotFound
from pileus.placement.model import MAX_INT, Inventory, Provider, Stock


class Amounts(Body):
    """An inventory in a body."""

    total: Amount
    reserved: Whole = 0
    min_unit: Amount = 1
    max_unit: Amount = MAX_INT
    step_size: Amount = 1
    allocation_ratio: Annotated[float, Meta(gt=0, le=3.40282e38)] = 1.0
    resource_provider_generation: int | None = None

    def inventory(self, req: Request, provider: str, name: str, verb: str = "update") -> Inventory:
        """Raises InventoryInvalid when less than nothing (before 1.26: nothing) is left to hand out."""
        least = 0 if req.version >= (1, 26) else 1
        if self.total - self.reserved < least:
            raise InventoryInvalid(verb=verb, resource_class=name, provider=provider, than="or equal to " if least else "")
        return Inventory(total=self.total, reserved=self.reserved, min_unit=self.min_unit, max_unit=self.max_unit, step_size=self.step_size,
                         allocation_ratio=self.allocation_ratio)


class InventoryNew(Amounts, kw_only=True):
    resource_class: Label


class Inventories(Body):
    resource_provider_generation: int
    inventories: dict[Label, Amounts]

    def all(self, req: Request, provider: str) -> dict[str, Inventory]:
        return {name: amounts.inventory(req, provider, name) for name, amounts in self.inventories.items()}


def view(inventory: Inventory) -> dict[str, Any]:
    return {field: getattr(inventory, field) for field in Inventory.__struct_fields__}


def shown_all(req: Request, provider: Provider, stocks: dict[str, Stock]):
    body = {"resource_provider_generation": provider.generation, "inventories": {name: view(s) for name, s in stocks.items()}}
    return shown(req, body, *(s.updated_at for s in stocks.values()))


async def list_inventories(req: Request, provider_id: str):
    provider = await req.services.placement.get_provider(provider_id)
    return shown_all(req, provider, await req.services.placement.inventory(provider_id))


async def replace_inventories(req: Request, provider_id: str, body: Inventories):
    await req.services.placement.get_provider(provider_id)
    await req.services.placement.set_inventory(provider_id, body.all(req, provider_id), body.resource_provider_generation)
    return await list_inventories(req, provider_id)


async def add_inventory(req: Request, provider_id: str, body: InventoryNew):
    name, placement = body.resource_class, req.services.placement
    await placement.add_inventory(provider_id, name, body.inventory(req, provider_id, name, "create"), body.resource_provider_generation)
    return await _one(req, provider_id, name, status=201, headers={"location": req.url(url(provider_id, "inventories", name))})


async def delete_inventories(req: Request, provider_id: str):
    provider = await req.services.placement.get_provider(provider_id)
    await req.services.placement.set_inventory(provider_id, {}, provider.generation)


async def show_inventory(req: Request, provider_id: str, resource_class: str):
    return await _one(req, provider_id, resource_class)


async def _one(req: Request, provider_id: str, resource_class: str, **more: Any):
    provider = await req.services.placement.get_provider(provider_id)
    stock = (await req.services.placement.inventory(provider_id)).get(resource_class)
    if stock is None:
        raise InventoryNotFound(resource_class=resource_class, provider=provider_id)
    return shown(req, {"resource_provider_generation": provider.generation} | view(stock), stock.updated_at, **more)


async def replace_inventory(req: Request, provider_id: str, resource_class: str, body: Amounts):
    if body.resource_provider_generation is None:
        raise Invalid("JSON does not validate: 'resource_provider_generation' is a required property")
    await req.services.placement.get_provider(provider_id)
    inventory = body.inventory(req, provider_id, resource_class)
    await req.services.placement.put_inventory(provider_id, resource_class, inventory, body.resource_provider_generation)
    return await _one(req, provider_id, resource_class)


async def delete_inventory(req: Request, provider_id: str, resource_class: str):
    await req.services.placement.delete_inventory(provider_id, resource_class)


async def show_usages(req: Request, provider_id: str):
    provider = await req.services.placement.get_provider(provider_id)
    stocks = await req.services.placement.inventory(provider_id)
    body = {"resource_provider_generation": provider.generation, "usages": {name: s.used for name, s in stocks.items()}}
    return shown(req, body, *(s.updated_at for s in stocks.values()))


ALL, ONE = "/resource_providers/{provider_id}/inventories", "/resource_providers/{provider_id}/inventories/{resource_class}"
P = "placement:resource_providers:inventories:"
ROUTES = [
    Route("GET", ALL, list_inventories, policy=P + "list"),
    Route("PUT", ALL, replace_inventories, policy=P + "update", body=Inventories),
    Route("POST", ALL, add_inventory, policy=P + "create", body=InventoryNew, ok=201),
    Route("DELETE", ALL, delete_inventories, policy=P + "delete", ok=204, since=(1, 5)),
    Route("GET", ONE, show_inventory, policy=P + "show"),
    Route("PUT", ONE, replace_inventory, policy=P + "update", body=Amounts),
    Route("DELETE", ONE, delete_inventory, policy=P + "delete", ok=204),
    Route("GET", "/resource_providers/{provider_id}/usages", show_usages, policy="placement:resource_providers:usages"),
]
