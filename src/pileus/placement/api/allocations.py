"""Allocations of consumers, usages of projects, allocation candidates, and the reshaper."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from typing import Any

import msgspec

from pileus.core.errors import Invalid, NotFound
from pileus.core.http import Request, Route
from pileus.placement.api import fields
from pileus.placement.api.fields import Amount, Body, Label, Owner
from pileus.placement.api.providers import Inventories
from pileus.placement.candidates import Candidate, Group, Node, Wanted
from pileus.placement.model import ANY, NOBODY, Claim

TYPE = re.compile(r"[A-Z0-9_]{1,255}")


class Resources(msgspec.Struct, kw_only=True):
    """What is held of one provider; `generation` may come back from a GET and means nothing."""

    resources: dict[Label, Amount]
    generation: int | None = None


class Held(Body, kw_only=True):
    """A consumer's allocations, in the form of 1.12 and later."""

    allocations: dict[str, Resources]
    project_id: Owner | None = None
    user_id: Owner | None = None
    consumer_generation: int | None | msgspec.UnsetType = msgspec.UNSET
    consumer_type: str | None = None
    mappings: dict[str, list[str]] | None = None


class OldProvider(Body, kw_only=True):
    uuid: str


class OldAllocation(Body, kw_only=True):
    resource_provider: OldProvider
    resources: dict[Label, Amount]


class OldHeld(Body, kw_only=True):
    """The form before 1.12: a list."""

    allocations: list[OldAllocation]
    project_id: Owner | None = None
    user_id: Owner | None = None


class Reshape(Body, kw_only=True):
    inventories: dict[str, Inventories]
    allocations: dict[str, Held]


async def show(req: Request, consumer_id: str):
    held = await req.services.placement.allocations(consumer_id)
    view: dict[str, Any] = {"allocations": {}}
    for a in held:
        view["allocations"].setdefault(a.provider_id, {"generation": a.provider_generation, "resources": {}})["resources"][a.resource_class] = a.amount
    if held and req.version >= (1, 12):
        consumer = await req.services.placement.consumer(consumer_id)
        view |= {"project_id": consumer.project_id, "user_id": consumer.user_id}
        if req.version >= (1, 28):
            view["consumer_generation"] = consumer.generation
        if req.version >= (1, 38):
            view["consumer_type"] = consumer.type or "unknown"
    return view


async def replace_old(req: Request, consumer_id: str, body: OldHeld):
    if not body.allocations:
        raise Invalid("JSON does not validate: [] is too short")
    if req.version >= (1, 8) and (body.project_id is None or body.user_id is None):
        raise Invalid("JSON does not validate: 'project_id' and 'user_id' are required properties")
    amounts: dict[str, dict[str, int]] = {}
    for a in body.allocations:
        amounts.setdefault(fields.as_uuid(a.resource_provider.uuid), {}).update(a.resources)
    await req.services.placement.claim(fields.as_uuid(consumer_id), amounts, project_id=body.project_id or NOBODY, user_id=body.user_id or NOBODY,
                                       consumer_type=None)


async def replace(req: Request, consumer_id: str, body: Held):
    claim = _claim(req, consumer_id, body)
    if not claim.amounts and req.version < (1, 28):
        raise Invalid("JSON does not validate: {} does not have enough properties")
    await req.services.placement.claim_all([claim])


def _claim(req: Request, consumer_id: str, body: Held) -> Claim:
    """Raises Invalid for what the microversion demands and the body lacks."""
    if body.project_id is None or body.user_id is None:
        raise Invalid("JSON does not validate: 'project_id' and 'user_id' are required properties")
    if (body.consumer_generation is msgspec.UNSET) != (req.version < (1, 28)):
        raise Invalid("JSON does not validate: 'consumer_generation' belongs to microversion 1.28 and later, and is required there")
    if (body.consumer_type is None) != (req.version < (1, 38)):
        raise Invalid("JSON does not validate: 'consumer_type' belongs to microversion 1.38 and later, and is required there")
    if body.consumer_type is not None and not TYPE.fullmatch(body.consumer_type):
        raise Invalid(f"JSON does not validate: {body.consumer_type!r} is not a consumer type")
    amounts = {fields.as_uuid(id): dict(r.resources) for id, r in body.allocations.items()}
    if not all(amounts.values()):
        raise Invalid("JSON does not validate: resources: {} does not have enough properties")
    return Claim(consumer_id=fields.as_uuid(consumer_id), amounts=amounts, project_id=body.project_id, user_id=body.user_id,
                 type=body.consumer_type, generation=ANY if body.consumer_generation is msgspec.UNSET else body.consumer_generation)


async def replace_several(req: Request, body: dict[str, Held]):
    await req.services.placement.claim_all([_claim(req, consumer_id, held) for consumer_id, held in body.items()])


async def delete(req: Request, consumer_id: str):
    if not await req.services.placement.release(consumer_id):
        raise NotFound(f"No allocations for consumer '{consumer_id}'")


async def reshape(req: Request, body: Reshape):
    """Move inventories and the allocations of them in one transaction."""
    wanted = {fields.as_uuid(id): (i.resource_provider_generation, {n: h.inventory(id, n, req) for n, h in i.inventories.items()})
              for id, i in body.inventories.items()}
    await req.services.placement.reshape(wanted, [_claim(req, id, held) for id, held in body.allocations.items()])


async def usages(req: Request):
    known = ["project_id", "user_id", *(["consumer_type"] if req.version >= (1, 38) else [])]
    fields.only(req, *known)
    project = req.query.get("project_id")
    if not project:
        raise Invalid("Invalid query string parameters: 'project_id' is a required property")
    req.enforce("placement:usages", {"project_id": project})
    found = await req.services.placement.usages(project, req.query.get("user_id"))
    if req.version < (1, 38):
        total: dict[str, int] = {}
        for _, name, amount in found:
            total[name] = total.get(name, 0) + amount
        return {"usages": total}
    return {"usages": await _by_type(req, found, project)}


async def _by_type(req: Request, found: list[tuple[str | None, str, int]], project: str) -> dict[str, dict[str, int]]:
    wanted, view = req.query.get("consumer_type"), {}
    counts = await req.services.placement.consumer_counts(project, req.query.get("user_id"))
    for kind, name, amount in found:
        key = "all" if wanted == "all" else kind or "unknown"
        if wanted in (None, "all", key):
            entry = view.setdefault(key, {"consumer_count": sum(counts.values()) if wanted == "all" else counts[kind]})
            entry[name] = entry.get(name, 0) + amount
    return view


# ---- candidates ------------------------------------------------------------------------------------------------------
SUFFIXED = re.compile(r"(resources|required|member_of|in_tree)([a-zA-Z0-9_-]{1,64})?")


async def list_candidates(req: Request):
    wanted = _wanted(req)
    for group in wanted.groups:
        for name in sorted({n for any_of in group.required for n in any_of} | group.forbidden):
            if not await req.services.placement.trait_exists(name):
                raise Invalid(f"No such trait(s): {name}.")
        for name in group.resources:
            if not await req.services.placement.class_exists(name):
                raise Invalid(f"Invalid resource class in resources parameter: No such resource class {name}.")
    found, nodes = await req.services.placement.candidates(wanted)
    return {"allocation_requests": [_show_candidate(c, req) for c in found], "provider_summaries": _summaries(found, nodes, wanted, req)}


def _wanted(req: Request) -> Wanted:
    q, groups = req.query, {}
    for key in q:
        match = SUFFIXED.fullmatch(key)
        if match and (not match[2] or (req.version >= (1, 33) or match[2].isdecimal()) and req.version >= (1, 25)):
            groups.setdefault(match[2] or "", None)
        elif key not in ("limit", "group_policy", "root_required", "same_subtree"):
            raise Invalid(f"Invalid query string parameters: Additional properties are not allowed ('{key}' was unexpected)")
    made = tuple(_group(req, suffix) for suffix in groups)
    if not any(g.resources for g in made):
        raise Invalid("Invalid query string parameters: at least one group of resources is required.")
    named, policy = [g for g in made if g.suffix], q.get("group_policy")
    if policy not in (None, "none", "isolate") or (policy is None and len([g for g in named if g.resources]) > 1):
        raise Invalid('The "group_policy" parameter is required when specifying more than one "resources{N}" parameter, and is "none" or "isolate".')
    root_required, root_forbidden = fields.traits(q.all("root_required"), req)
    limit = q.integer("limit", low=1) if "limit" in q else None
    return Wanted(groups=made, isolate=policy == "isolate", limit=limit, root_required=frozenset().union(*root_required) if root_required else frozenset(),
                  root_forbidden=root_forbidden, same_subtree=tuple(frozenset(v.split(",")) for v in q.all("same_subtree")))


def _group(req: Request, suffix: str) -> Group:
    q = req.query
    resources, tree = q.get(f"resources{suffix}"), q.get(f"in_tree{suffix}")
    required, forbidden = fields.traits(q.all(f"required{suffix}"), req)
    member, not_member = fields.member_of(q.all(f"member_of{suffix}"), req)
    if resources is None and not (suffix and req.version >= (1, 36)):
        raise Invalid(f"All traits parameters must be associated with resources. Found the following orphaned parameters: {suffix or 'required'}")
    return Group(suffix=suffix, resources=fields.resources(resources) if resources is not None else {}, required=required, forbidden=forbidden,
                 member_of=member, not_member_of=not_member, in_tree=fields.as_uuid(tree, "in_tree") if tree else None)


def _show_candidate(c: Candidate, req: Request) -> dict[str, Any]:
    if req.version < (1, 12):
        return {"allocations": [{"resource_provider": {"uuid": id}, "resources": r} for id, r in c.allocations.items()]}
    view: dict[str, Any] = {"allocations": {id: {"resources": r} for id, r in c.allocations.items()}}
    return view | ({"mappings": c.mappings} if req.version >= (1, 34) else {})


def _summaries(found: list[Candidate], nodes: dict[str, Node], wanted: Wanted, req: Request) -> dict[str, Any]:
    """What is known of the providers that take part, and from 1.29 on of all in their trees."""
    ids = {id for c in found for id in c.allocations}
    if req.version >= (1, 29):
        roots = {nodes[id].provider.root_id for id in ids}
        ids = {n.id for n in nodes.values() if n.provider.root_id in roots}
    asked = {name for g in wanted.groups for name in g.resources}
    view = {}
    for id in sorted(ids):
        node = nodes[id]
        classes = {n: s for n, s in node.stocks.items() if req.version >= (1, 27) or n in asked}
        view[id] = {"resources": {n: {"capacity": int(s.capacity), "used": s.used} for n, s in classes.items()}}
        if req.version >= (1, 17):
            view[id]["traits"] = sorted(node.traits)
        if req.version >= (1, 29):
            view[id] |= {"parent_provider_uuid": node.provider.parent_id, "root_provider_uuid": node.provider.root_id}
    return view


A = "placement:allocations:"
ROUTES = [
    Route("GET", "/allocations/{consumer_id}", show, policy=A + "list"),
    Route("PUT", "/allocations/{consumer_id}", replace_old, policy=A + "update", body=OldHeld, ok=204, until=(1, 11)),
    Route("PUT", "/allocations/{consumer_id}", replace, policy=A + "update", body=Held, ok=204, since=(1, 12)),
    Route("DELETE", "/allocations/{consumer_id}", delete, policy=A + "delete", ok=204),
    Route("POST", "/allocations", replace_several, policy=A + "manage", body=dict[str, Held], ok=204, since=(1, 13)),
    Route("POST", "/reshaper", reshape, policy="placement:reshaper:reshape", body=Reshape, ok=204, since=(1, 30)),
    Route("GET", "/usages", usages, policy="placement:usages", since=(1, 9)),
    Route("GET", "/allocation_candidates", list_candidates, policy="placement:allocation_candidates:list", since=(1, 10)),
]
