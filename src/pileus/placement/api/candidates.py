"""Allocation candidates: what could be claimed to satisfy a request."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from typing import Any

from pileus.core.errors import Invalid
from pileus.core.http import Request, Route
from pileus.core.http.microversion import Version
from pileus.placement.api import fields
from pileus.placement.api.fields import shown
from pileus.placement.api.words import validating
from pileus.placement.candidates import Candidate, Group, Wanted
from pileus.placement.errors import QueryBad, QueryMissing, QueryTwice
from pileus.placement.forest import Node

#: What may be asked of a group, and what of the whole, from which version on.
OF_GROUPS = {"resources": (1, 10), "required": (1, 17), "member_of": (1, 21), "in_tree": (1, 31)}
OF_ALL = {"limit": (1, 16), "group_policy": (1, 25), "root_required": (1, 35), "same_subtree": (1, 36)}
NUMBERED, NAMED, SUBTREES = (1, 25), (1, 33), (1, 36)
KEY = re.compile(f"({'|'.join(OF_GROUPS)})([a-zA-Z0-9_-]{{1,64}})?")
NUMBER = re.compile("[1-9][0-9]*")


async def list_candidates(req: Request):
    wanted = _wanted(req)
    traits = wanted.root_required.union(wanted.root_forbidden, *(any_of for g in wanted.groups for any_of in (*g.required, g.forbidden)))
    await fields.check_names(req, traits, {name for g in wanted.groups for name in g.resources})
    found, nodes = await req.services.placement.candidates(wanted)
    requests = [{"allocations": {id: {"resources": r} for id, r in c.allocations.items()}, "mappings": c.mappings} for c in found]
    return shown(req, {"allocation_requests": requests, "provider_summaries": _summaries(found, nodes, trees=wanted.nested)})


def _wanted(req: Request) -> Wanted:
    suffixes = _suffixes(req)
    subtrees = tuple(frozenset(part.strip() for part in value.split(",")) for value in req.query.all("same_subtree"))
    if any("" in subtree for subtree in subtrees):
        raise QueryBad("Empty string (unsuffixed group) can not be specified in `same_subtree`")
    groups = tuple(_group(req, suffix) for suffix in suffixes)
    _check_groups(req, groups, subtrees)
    policy = next(iter(req.query.all("group_policy")), None)         # of several the first counts, as upstream has it
    if policy not in (None, "none", "isolate"):
        raise Invalid(f"Invalid query string parameters: '{policy}' is not one of ['none', 'isolate']")
    if policy is None and len([g for g in groups if g.suffix]) > 1:
        raise Invalid('The "group_policy" parameter is required when specifying more than one "resources{N}" parameter.')
    required, forbidden = _of_root(req)
    return Wanted(groups=groups, isolate=policy == "isolate", limit=_limit(req), root_required=required, root_forbidden=forbidden,
                  same_subtree=subtrees, nested=req.version >= (1, 29))


def _suffixes(req: Request) -> list[str]:
    """The groups of a query in its order. Raises Invalid for a key that means nothing at this version."""
    found: dict[str, None] = {}
    for key in req.query:
        match = KEY.fullmatch(key)
        known = OF_GROUPS[match[1]] if match else OF_ALL.get(key)
        if match and match[2] and known:
            known = max(known, NUMBERED if NUMBER.fullmatch(match[2]) else NAMED)
        if known is None or req.version < known:
            raise Invalid(f"Invalid query string parameters: '{key}' does not match any of the regexes: {_patterns(req.version)}. "
                          f"Additional properties are not allowed ('{key}' was unexpected)")
        if match:
            found[match[2] or ""] = None
    if req.version < NUMBERED and "resources" not in req.query:
        raise Invalid("Invalid query string parameters: 'resources' is a required property")
    return list(found)


def _patterns(version: Version) -> str:
    """The parameters of groups that there are at a version, as patterns."""
    suffix = "([a-zA-Z0-9_-]{1,64})?" if version >= NAMED else "([1-9][0-9]*)?" if version >= NUMBERED else ""
    return ", ".join(f"'^{key}{suffix}$'" for key, since in sorted(OF_GROUPS.items()) if version >= since)


def _group(req: Request, suffix: str) -> Group:
    required, forbidden = fields.traits(req, suffix)
    member_of, not_member_of = fields.member_of(req, suffix)
    resources = req.query.get(f"resources{suffix}")
    return Group(suffix=suffix, resources=fields.resources(resources) if resources is not None else {},
                 required=required, forbidden=forbidden, member_of=member_of, not_member_of=not_member_of,
                 in_tree=fields.query_uuid(req.query.get(f"in_tree{suffix}"), "in_tree"))


def _check_groups(req: Request, groups: tuple[Group, ...], subtrees: tuple[frozenset[str], ...]) -> None:
    """Every group asks for resources; from 1.36 on one may do without whose place in the tree is asked for."""
    bare = [g for g in groups if not g.resources]
    if req.version < SUBTREES:
        _check_orphans(groups, bare)
        return
    if len(bare) == len(groups):
        raise QueryMissing("There must be at least one resources or resources[$S] parameter.")
    placed = frozenset[str]().union(*subtrees)
    if lost := [g.suffix for g in bare if g.suffix not in placed]:
        raise QueryBad(f"Resourceless suffixed group request should be specified in `same_subtree` query param: bad group(s) - {lost}.")
    suffixes = [g.suffix for g in groups]
    if unreal := sorted(placed.difference(suffixes)):
        raise QueryBad(f"Real suffixes should be specified in `same_subtree`: {unreal} not found in {suffixes}.")


def _check_orphans(groups: tuple[Group, ...], bare: list[Group]) -> None:
    if orphans := [f"required{g.suffix}" for g in bare if g.required]:
        raise Invalid("All traits parameters must be associated with resources.  Found the following orphaned traits keys: "
                      + ", ".join(orphans))
    if orphans := [f"member_of{g.suffix}" for g in bare if g.member_of or g.not_member_of]:
        raise Invalid("All member_of parameters must be associated with resources. Found the following orphaned member_of keys: "
                      + ", ".join(orphans))
    if bare:
        raise Invalid("All request groups must specify resources.")
    if not groups:
        raise Invalid("At least one request group (`resources` or `resources{$S}`) is required.")


def _of_root(req: Request) -> tuple[frozenset[str], frozenset[str]]:
    values = req.query.all("root_required")
    if len(values) > 1:
        raise QueryTwice(key="root_required")
    if not values:
        return frozenset(), frozenset()
    required, forbidden = fields.all_of(values[0], req)
    if clash := sorted(forbidden.intersection(required)):
        raise QueryBad(f"Conflicting required and forbidden traits found in root_required: {', '.join(clash)}")
    return frozenset(required), frozenset(forbidden)


def _limit(req: Request) -> int | None:
    value = next(iter(req.query.all("limit")), None)
    if value is None:
        return None
    if not NUMBER.fullmatch(value):
        raise Invalid("Invalid query string parameters: " + validating(f"{value!r} does not match '^[1-9][0-9]*$' (limit)", "pattern"))
    return int(value)


def _summaries(found: list[Candidate], nodes: dict[str, Node], *, trees: bool) -> dict[str, Any]:
    """What is known of the providers that take part; of all in their trees for who knows of trees."""
    ids = {id for c in found for id in c.providers}
    if trees:
        roots = {nodes[id].provider.root_id for id in ids}
        ids = {id for id, node in nodes.items() if node.provider.root_id in roots}
    return {id: {
        "resources": {name: {"capacity": int(s.capacity), "used": s.used} for name, s in nodes[id].stocks.items()},
        "traits": sorted(nodes[id].traits, key=lambda name: (name.startswith("CUSTOM_"), name)),
        "parent_provider_uuid": nodes[id].provider.parent_id, "root_provider_uuid": nodes[id].provider.root_id,
    } for id in sorted(ids)}


ROUTES = [Route("GET", "/allocation_candidates", list_candidates, policy="placement:allocation_candidates:list", since=(1, 10))]
