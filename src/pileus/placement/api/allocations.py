"""Allocations of consumers and on providers, and the reshaper that moves them together with inventories."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from pileus.core.errors import Invalid, NotFound
from pileus.core.http import Request, Route
from pileus.placement.api import fields
from pileus.placement.api.fields import Amount, Body, Label, Owner, Uuid, shown
from pileus.placement.api.inventories import Inventories
from pileus.placement.model import ANY, NOBODY, Claim

Portions = Annotated[dict[Label, Amount], Meta(min_length=1)]
#: Fields that came later and must be there from then on.
DEMANDED = {"consumer_generation": (1, 28), "consumer_type": (1, 38)}


class Resources(Body):
    """What is held of one provider; `generation` may come back from a GET and means nothing."""

    resources: Portions
    generation: int | None = None


class Held(Body):
    """All that one consumer holds."""

    allocations: dict[Uuid, Resources]
    project_id: Owner
    user_id: Owner
    consumer_generation: int | UnsetType | None = UNSET
    consumer_type: Label | UnsetType = UNSET
    #: Comes back from an answer of GET /allocation_candidates and means nothing.
    mappings: Annotated[dict[str, Annotated[list[Uuid], Meta(min_length=1)]], Meta(min_length=1)] | UnsetType = UNSET

    def claim(self, req: Request, consumer_id: str) -> Claim:
        """Raises Invalid for what the microversion demands and the body lacks, or the other way round."""
        fields.demand(req, self, DEMANDED)
        if self.mappings is not UNSET and req.version < (1, 34):
            raise Invalid("JSON does not validate: Additional properties are not allowed ('mappings' was unexpected)")
        return Claim(consumer_id=_consumer(consumer_id), project_id=self.project_id, user_id=self.user_id,
                     amounts={fields.as_uuid(id): held.resources for id, held in self.allocations.items()},
                     type=None if self.consumer_type is UNSET else self.consumer_type,
                     generation=ANY if self.consumer_generation is UNSET else self.consumer_generation)


Several = Annotated[dict[Uuid, Held], Meta(min_length=1)]


class OnProvider(Body):
    uuid: str


class ListedResources(Body):
    resource_provider: OnProvider
    resources: Portions


class ListedHeld(Body):
    """The form before 1.12."""

    allocations: Annotated[list[ListedResources], Meta(min_length=1)]
    project_id: Owner | UnsetType = UNSET
    user_id: Owner | UnsetType = UNSET


class Reshape(Body):
    inventories: dict[Uuid, Inventories]
    allocations: dict[Uuid, Held]


def _consumer(text: str) -> str:
    try:
        return fields.as_uuid(text)
    except Invalid as problem:
        raise Invalid(f"Malformed consumer_uuid: {text}") from problem


async def show_allocations(req: Request, consumer_id: str):
    """A consumer that holds nothing does not exist, and is shown as holding nothing."""
    held = await req.services.placement.allocations(consumer_id)
    consumer = await req.services.placement.consumer(consumer_id) if held else None
    view: dict[str, Any] = {"allocations": {}}
    for a in held:
        on = view["allocations"].setdefault(a.provider_id, {"generation": a.provider_generation, "resources": {}})
        on["resources"][a.resource_class] = a.amount
    if consumer is not None:
        view |= {"project_id": consumer.project_id, "user_id": consumer.user_id, "consumer_generation": consumer.generation,
                 "consumer_type": consumer.type or "unknown"}
    return shown(req, view, *(a.updated_at for a in held))


async def replace_allocations(req: Request, consumer_id: str, body: Held):
    claim = body.claim(req, consumer_id)
    if not claim.amounts and req.version < (1, 28):
        raise Invalid("JSON does not validate: {} does not have enough properties")
    await req.services.placement.claim_all([claim])


async def replace_listed_allocations(req: Request, consumer_id: str, body: ListedHeld):
    fields.demand(req, body, {"project_id": (1, 8), "user_id": (1, 8)})
    amounts: dict[str, dict[str, int]] = {}
    for held in body.allocations:
        amounts.setdefault(fields.as_uuid(held.resource_provider.uuid), {}).update(held.resources)
    await req.services.placement.claim(_consumer(consumer_id), amounts, project_id=body.project_id or NOBODY,
                                       user_id=body.user_id or NOBODY, consumer_type=None)


async def delete_allocations(req: Request, consumer_id: str):
    if not await req.services.placement.release(consumer_id):
        raise NotFound(f"No allocations for consumer '{consumer_id}'")


async def replace_several(req: Request, body: dict[str, Held]):
    await req.services.placement.claim_all([held.claim(req, consumer_id) for consumer_id, held in body.items()])


async def list_on_provider(req: Request, provider_id: str):
    provider = await req.services.placement.get_provider(provider_id)
    held = await req.services.placement.claims_on(provider_id)
    view: dict[str, Any] = {}
    for a in held:
        by = view.setdefault(a.consumer_id, {"resources": {}, "consumer_generation": a.consumer_generation})
        by["resources"][a.resource_class] = a.amount
    return shown(req, {"allocations": view, "resource_provider_generation": provider.generation}, *(a.updated_at for a in held))


async def reshape(req: Request, body: Reshape):
    wanted = {fields.as_uuid(id): (i.resource_provider_generation, i.all(req, id)) for id, i in body.inventories.items()}
    await req.services.placement.reshape(wanted, [held.claim(req, id) for id, held in body.allocations.items()])


A = "placement:allocations:"
ROUTES = [
    Route("GET", "/allocations/{consumer_id}", show_allocations, policy=A + "list"),
    Route("PUT", "/allocations/{consumer_id}", replace_listed_allocations, policy=A + "update", body=ListedHeld, ok=204, until=(1, 11)),
    Route("PUT", "/allocations/{consumer_id}", replace_allocations, policy=A + "update", body=Held, ok=204, since=(1, 12)),
    Route("DELETE", "/allocations/{consumer_id}", delete_allocations, policy=A + "delete", ok=204),
    Route("POST", "/allocations", replace_several, policy=A + "manage", body=Several, ok=204, since=(1, 13)),
    Route("GET", "/resource_providers/{provider_id}/allocations", list_on_provider, policy="placement:resource_providers:allocations:list"),
    Route("POST", "/reshaper", reshape, policy="placement:reshaper:reshape", body=Reshape, ok=204, since=(1, 30)),
]
