"""Aggregates of a provider: groups without a name, known by their UUIDs alone."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.errors import Invalid
from pileus.core.http import Request, Route
from pileus.placement.api import fields
from pileus.placement.api.fields import Body, shown


class Aggregates(Body):
    aggregates: list[str]
    resource_provider_generation: int


async def list_aggregates(req: Request, provider_id: str):
    provider = await req.services.placement.get_provider(provider_id)
    found = sorted(await req.services.placement.aggregates(provider_id))
    return shown(req, {"aggregates": found, "resource_provider_generation": provider.generation})


async def replace_aggregates(req: Request, provider_id: str, body: Aggregates):
    await req.services.placement.set_aggregates(provider_id, _distinct(body.aggregates), body.resource_provider_generation)
    provider = await req.services.placement.get_provider(provider_id)
    return shown(req, {"aggregates": body.aggregates, "resource_provider_generation": provider.generation})


async def replace_aggregates_blindly(req: Request, provider_id: str, body: list[str]):
    """Before 1.19 a bare list, without a look at the generation."""
    await req.services.placement.set_aggregates(provider_id, _distinct(body))
    return await list_aggregates(req, provider_id)


async def existing(req: Request, provider_id: str) -> dict[str, Any]:
    """That there is no such provider counts more than what is wrong with the body."""
    await req.services.placement.get_provider(provider_id)
    return {"project_id": req.who.project_id}


def _distinct(ids: list[str]) -> set[str]:
    """They stay as they are written: clients compare what they read with what they wrote."""
    if len({fields.as_uuid(id, "aggregates") for id in ids}) < len(ids):
        raise Invalid("JSON does not validate: aggregates has non-unique elements")
    return set(ids)


OF, P = "/resource_providers/{provider_id}/aggregates", "placement:resource_providers:aggregates:"
ROUTES = [
    Route("GET", OF, list_aggregates, policy=P + "list", since=(1, 1)),
    Route("PUT", OF, replace_aggregates_blindly, policy=P + "update", body=list[str], target=existing, since=(1, 1), until=(1, 18)),
    Route("PUT", OF, replace_aggregates, policy=P + "update", body=Aggregates, target=existing, since=(1, 19)),
]
