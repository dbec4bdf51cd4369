"""Security groups in compute's old form (until 2.35), and the groups of one server."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from pileus.compute.api.fields import is_uuid
from pileus.compute.api.query import MOST, number, refusing
from pileus.core.errors import Invalid
from pileus.core.http import Request, Route

Text = Annotated[str, Meta(max_length=255)]


class GroupText(msgspec.Struct, frozen=True, kw_only=True):
    """Fields that are none of these were never refused here."""

    name: Text
    description: Text


class GroupBody(msgspec.Struct, frozen=True):
    group: GroupText = msgspec.field(name="security_group")


async def list_groups(req: Request) -> dict[str, Any]:
    everybody = bool(req.query.flag("all_tenants", False))
    found = sorted(await req.services.compute.security_groups.list(req.who, all_projects=everybody), key=_order)
    asked = {key: req.query.get(key) or "" for key in ("limit", "offset") if key in req.query}
    start = number(asked, "offset", 0)
    return {"security_groups": await show_groups(req, found[start : start + min(number(asked, "limit", MOST) or MOST, MOST)])}


async def show_group(req: Request, group_id: str) -> dict[str, Any]:
    group = await req.services.compute.security_groups.get(req.who, check_id(group_id))
    req.enforce("get_security_group", {"project_id": group.project_id})
    return await _one(req, group)


async def create_group(req: Request, body: GroupBody) -> dict[str, Any]:
    req.enforce("create_security_group")
    return await _one(req, await req.services.compute.security_groups.create(req.who, body.group.name, body.group.description))


async def update_group(req: Request, group_id: str, body: GroupBody) -> dict[str, Any]:
    groups = req.services.compute.security_groups
    req.enforce("update_security_group", {"project_id": (await groups.get(req.who, check_id(group_id))).project_id})
    return await _one(req, await groups.update(req.who, group_id, body.group.name, body.group.description))


async def delete_group(req: Request, group_id: str) -> None:
    groups = req.services.compute.security_groups
    req.enforce("delete_security_group", {"project_id": (await groups.get(req.who, check_id(group_id))).project_id})
    await groups.delete(req.who, group_id)


async def list_groups_of_server(req: Request, server_id: str) -> dict[str, Any]:
    await req.services.compute.servers.get(server_id, req.who)
    found = await req.services.compute.security_groups.of_server(server_id)
    return {"security_groups": await show_groups(req, sorted(found, key=_order))}


ALL, ONE = "/v2.1/os-security-groups", "/v2.1/os-security-groups/{group_id}"
UNTIL, RULE = (2, 35), "os_compute_api:os-security-groups:"
ROUTES = [
    Route("GET", ALL, list_groups, policy=RULE + "get", until=UNTIL),
    Route("POST", ALL, create_group, policy=RULE + "create", body=GroupBody, until=UNTIL),
    Route("GET", ONE, show_group, policy=RULE + "show", until=UNTIL),
    Route("PUT", ONE, update_group, policy=RULE + "update", body=GroupBody, until=UNTIL),
    Route("DELETE", ONE, delete_group, policy=RULE + "delete", ok=202, until=UNTIL),
    *refusing([Route("GET", "/v2.1/servers/{server_id}/os-security-groups", list_groups_of_server, policy=RULE + "list")]),
]


def check_id(id: str) -> str:
    if not is_uuid(id):
        raise Invalid(f"Security group id '{id}' is not a UUID.")
    return id


async def show_groups(req: Request, groups: Sequence[Any]) -> list[dict[str, Any]]:
    """Groups with their ingress rules, the only ones the old form knows."""
    sources = {group.id: group for group in groups}
    missing = {rule.remote_group_id for group in groups for rule in group.rules if rule.remote_group_id} - sources.keys()
    sources |= await req.services.compute.security_groups.by_id(req.who, missing)
    return [
        {
            "id": group.id,
            "name": group.name,
            "description": group.description,
            "tenant_id": group.project_id,
            "rules": [show_rule(rule, sources) for rule in group.rules if _tellable(rule, sources)],
        }
        for group in groups
    ]


def _tellable(rule: Any, sources: dict[str, Any]) -> bool:
    """Rules whose source is a group that the caller cannot see are left out: the old form has no word for them."""
    return rule.direction == "ingress" and (not rule.remote_group_id or rule.remote_group_id in sources)


def show_rule(rule: Any, sources: dict[str, Any]) -> dict[str, Any]:
    """`sources` are groups by id, the rule's remote group among them."""
    source = sources.get(rule.remote_group_id)
    low, high = _ports(rule)
    return {
        "id": rule.id,
        "parent_group_id": rule.security_group_id,
        "ip_protocol": rule.protocol,
        "from_port": low,
        "to_port": high,
        "group": {"name": source.name, "tenant_id": source.project_id} if source else {},
        "ip_range": {} if source else {"cidr": rule.remote_ip_prefix or ("::/0" if rule.ethertype == "IPv6" else "0.0.0.0/0")},
    }


def _ports(rule: Any) -> tuple[int | None, int | None]:
    """The old form has no way to leave ports out: all of them are 1 to 65535, all ICMP types and codes are -1."""
    low, high = rule.port_range_min, rule.port_range_max
    if rule.protocol and low is None and high is None:
        return (1, 65535) if rule.protocol in ("tcp", "udp") else (-1, -1)
    return low, high


def _order(group: Any) -> tuple[str, str]:
    return group.project_id, group.name


async def _one(req: Request, group: Any) -> dict[str, Any]:
    return {"security_group": (await show_groups(req, [group]))[0]}
