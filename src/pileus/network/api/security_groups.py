"""/v2.0/security-groups and /v2.0/security-group-rules"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from pileus.core.clock import iso
from pileus.core.http import Request, Route
from pileus.network.api.common import guard, listed, made, orders, own, revision, selected, standard, wanted
from pileus.network.model import SecurityGroup, SecurityGroupCreate, SecurityGroupRule, SecurityGroupRuleCreate, SecurityGroupUpdate


class GroupsCreate(msgspec.Struct, forbid_unknown_fields=True):
    security_group: SecurityGroupCreate | UnsetType = UNSET
    security_groups: list[SecurityGroupCreate] | UnsetType = UNSET


class GroupChange(msgspec.Struct, forbid_unknown_fields=True):
    security_group: SecurityGroupUpdate


class RulesCreate(msgspec.Struct, forbid_unknown_fields=True):
    security_group_rule: SecurityGroupRuleCreate | UnsetType = UNSET
    security_group_rules: list[SecurityGroupRuleCreate] | UnsetType = UNSET


# ---- groups --------------------------------------------------------------------------------------------------------------
async def target(req: Request, security_group_id: str) -> dict[str, Any]:
    req.found = await req.services.network.groups.get(req.who, security_group_id)
    return {"project_id": req.found.project_id}


async def list_groups(req: Request):
    asked = wanted(req)
    return listed(req, "security_groups", await req.services.network.groups.list(req.who, asked), show, asked)


async def create_groups(req: Request, body: GroupsCreate):
    wishes, many = orders(body, "security_group", "security_groups")
    for order in wishes:
        guard(req, "create_security_group", order, {"project_id": req.who.project_id})
    return made(req, "security_group", "security_groups", await req.services.network.groups.create_all(req.who, wishes), many, show)


async def show_group(req: Request, security_group_id: str):
    return {"security_group": selected(req, show(req, req.found))}


async def update_group(req: Request, security_group_id: str, body: GroupChange):
    guard(req, "update_security_group", body.security_group, {"project_id": req.found.project_id})
    group = await req.services.network.groups.update(req.who, security_group_id, body.security_group, revision=revision(req))
    return {"security_group": show(req, group)}


async def delete_group(req: Request, security_group_id: str):
    await req.services.network.groups.delete(req.who, security_group_id, revision=revision(req))


def show(req: Request, group: SecurityGroup) -> dict[str, Any]:
    return standard(group) | {
        "stateful": group.stateful,
        "shared": False,
        "security_group_rules": [show_rule_of(req, rule) for rule in group.rules],
    }


# ---- rules ---------------------------------------------------------------------------------------------------------------
async def rule_target(req: Request, security_group_rule_id: str) -> dict[str, Any]:
    req.found = await req.services.network.rules.get(req.who, security_group_rule_id)
    return await _rule_target(req, req.found.security_group_id, req.found.project_id)


async def list_rules(req: Request):
    asked = wanted(req)
    return listed(req, "security_group_rules", await req.services.network.rules.list(req.who, asked), show_rule_of, asked)


async def create_rules(req: Request, body: RulesCreate):
    wishes, many = orders(body, "security_group_rule", "security_group_rules")
    for order in wishes:
        guard(req, "create_security_group_rule", order, await _rule_target(req, order.security_group_id, req.who.project_id))
    rules = await req.services.network.rules.create_all(req.who, wishes)
    return made(req, "security_group_rule", "security_group_rules", rules, many, show_rule_of)


async def show_rule(req: Request, security_group_rule_id: str):
    return {"security_group_rule": selected(req, show_rule_of(req, req.found))}


async def delete_rule(req: Request, security_group_rule_id: str):
    await req.services.network.rules.delete(req.who, security_group_rule_id)


def show_rule_of(req: Request, rule: SecurityGroupRule) -> dict[str, Any]:
    return {
        "id": rule.id, "project_id": rule.project_id, "tenant_id": rule.project_id, "security_group_id": rule.security_group_id,
        "direction": rule.direction, "ethertype": rule.ethertype, "protocol": rule.protocol, "port_range_min": rule.port_range_min,
        "port_range_max": rule.port_range_max, "remote_ip_prefix": rule.remote_ip_prefix, "remote_group_id": rule.remote_group_id,
        "remote_address_group_id": None, "normalized_cidr": rule.normalized_cidr, "description": rule.description,
        "revision_number": rule.revision_number, "created_at": iso(rule.created_at), "updated_at": iso(rule.updated_at),
    }


async def _rule_target(req: Request, group_id: str, project_id: str | None) -> dict[str, Any]:
    """What decides about a rule is whose the group is."""
    owner = (await req.services.network.groups.get(req.who, group_id)).project_id
    return {"project_id": project_id, "security_group:project_id": owner}


_GROUPS, _GROUP = "/v2.0/security-groups", "/v2.0/security-groups/{security_group_id}"
_RULES, _RULE = "/v2.0/security-group-rules", "/v2.0/security-group-rules/{security_group_rule_id}"
ROUTES = [
    Route("GET", _GROUPS, list_groups, policy="get_security_group"),
    Route("POST", _GROUPS, create_groups, policy="create_security_group", body=GroupsCreate, ok=201),
    Route("GET", _GROUP, show_group, policy="get_security_group", target=target),
    Route("PUT", _GROUP, update_group, policy="update_security_group", target=target, body=GroupChange),
    Route("DELETE", _GROUP, delete_group, policy="delete_security_group", target=target, ok=204),
    Route("GET", _RULES, list_rules, policy="get_security_group_rule", target=own),
    Route("POST", _RULES, create_rules, policy="create_security_group_rule", target=own, body=RulesCreate, ok=201),
    Route("GET", _RULE, show_rule, policy="get_security_group_rule", target=rule_target),
    Route("DELETE", _RULE, delete_rule, policy="delete_security_group_rule", target=rule_target, ok=204),
]
