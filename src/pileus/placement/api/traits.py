"""Traits: what there are, and which a provider has."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.errors import Invalid
from pileus.core.http import Reply, Request, Route
from pileus.placement.api import fields
from pileus.placement.api.fields import Body, Label, shown
from pileus.placement.model import Named, Provider


class Traits(Body):
    resource_provider_generation: int
    traits: list[Label]


def location(name: str) -> str:
    return f"/placement/traits/{name}"


async def list_traits(req: Request):
    fields.only(req, {"name": (1, 6), "associated": (1, 6)})
    associated = (req.query.get("associated") or "").lower()
    if "associated" in req.query and associated not in ("true", "false"):
        raise Invalid(f'The query parameter "associated" only accepts "true" or "false". Got: {req.query.get("associated")}')
    names = await req.services.placement.all_traits(associated=associated == "true" if associated else None)
    kind, colon, value = (req.query.get("name") or "").partition(":")
    if kind == "in" and colon:
        names &= set(value.split(","))
    elif kind == "startswith" and colon:
        names = {n for n in names if n.startswith(value)}
    elif "name" in req.query:
        raise Invalid("Badly formatted name parameter. Expected name query string parameter in form: "
                      f"?name=[in|startswith]:[name1,name2|prefix]. Got: \"{req.query.get('name')}\"")
    return shown(req, {"traits": sorted(names)})


async def show_trait(req: Request, name: str):
    return shown(req, None, *_when(await req.services.placement.get_trait(name)), status=204)


async def put_trait(req: Request, name: str):
    trait, made = await req.services.placement.ensure_trait(name)
    return shown(req, None, *_when(trait), status=201 if made else 204, headers={"location": req.url(location(name))})


def _when(trait: Named | None) -> list:
    """A standard trait has no date."""
    return [] if trait is None else [trait.updated_at]


async def delete_trait(req: Request, name: str):
    await req.services.placement.delete_trait(name)


async def list_provider_traits(req: Request, provider_id: str):
    return _shown_of(req, await req.services.placement.get_provider(provider_id), await req.services.placement.traits(provider_id))


async def replace_provider_traits(req: Request, provider_id: str, body: Traits):
    await req.services.placement.set_traits(provider_id, set(body.traits), body.resource_provider_generation)
    return await list_provider_traits(req, provider_id)


def _shown_of(req: Request, provider: Provider, traits: set[str]) -> Reply:
    return shown(req, {"traits": sorted(traits), "resource_provider_generation": provider.generation})


async def delete_provider_traits(req: Request, provider_id: str):
    provider = await req.services.placement.get_provider(provider_id)
    await req.services.placement.set_traits(provider_id, set(), provider.generation)


OF, P, T = "/resource_providers/{provider_id}/traits", "placement:resource_providers:traits:", "placement:traits:"
ROUTES = [
    Route("GET", "/traits", list_traits, policy=T + "list", since=(1, 6)),
    Route("GET", "/traits/{name}", show_trait, policy=T + "show", ok=204, since=(1, 6)),
    Route("PUT", "/traits/{name}", put_trait, policy=T + "update", ok=204, since=(1, 6)),
    Route("DELETE", "/traits/{name}", delete_trait, policy=T + "delete", ok=204, since=(1, 6)),
    Route("GET", OF, list_provider_traits, policy=P + "list", since=(1, 6)),
    Route("PUT", OF, replace_provider_traits, policy=P + "update", body=Traits, since=(1, 6)),
    Route("DELETE", OF, delete_provider_traits, policy=P + "delete", ok=204, since=(1, 6)),
]
