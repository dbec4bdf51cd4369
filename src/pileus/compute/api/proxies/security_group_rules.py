"""Rules of security groups in compute's old form: ingress only, and what they may say is narrower than in the network API."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import msgspec

from pileus.compute.api.proxies.security_groups import UNTIL, check_id, show_rule
from pileus.core.errors import Invalid
from pileus.core.http import Request, Route
from pileus.network.model import SecurityGroupRuleCreate

RANGES = {"tcp": (1, 65535), "udp": (1, 65535), "icmp": (-1, 255)}


class RuleText(msgspec.Struct, frozen=True, kw_only=True):
    """Fields that are none of these were never refused here."""

    parent_group_id: str
    ip_protocol: str | None = None
    from_port: int | str | None = None
    to_port: int | str | None = None
    cidr: str | None = None
    group_id: str | None = None


class RuleBody(msgspec.Struct, frozen=True):
    rule: RuleText = msgspec.field(name="security_group_rule")


async def create_rule(req: Request, body: RuleBody) -> dict[str, Any]:
    groups = req.services.compute.security_groups
    order = rule_order(body.rule)
    parent = await groups.get(req.who, order.security_group_id)
    sources = {order.remote_group_id: await groups.get(req.who, order.remote_group_id)} if order.remote_group_id else {}
    req.enforce("create_security_group_rule", _target(parent))
    return {"security_group_rule": show_rule(await groups.create_rule(req.who, order), sources)}


async def delete_rule(req: Request, rule_id: str) -> None:
    groups = req.services.compute.security_groups
    rule = await groups.get_rule(req.who, check_id(rule_id))
    req.enforce("delete_security_group_rule", _target(await groups.get(req.who, rule.security_group_id)))
    await groups.delete_rule(req.who, rule_id)


ROUTES = [
    Route("POST", "/v2.1/os-security-group-rules", create_rule, policy="os_compute_api:os-security-groups:rule:create", body=RuleBody,
          until=UNTIL),
    Route("DELETE", "/v2.1/os-security-group-rules/{rule_id}", delete_rule, policy="os_compute_api:os-security-groups:rule:delete", ok=202,
          until=UNTIL),
]


def rule_order(asked: RuleText) -> SecurityGroupRuleCreate:
    """The rule in the network service's form. Raises Invalid."""
    prefix = None if asked.group_id else asked.cidr or "0.0.0.0/0"
    protocol, low, high = _traffic(asked)
    return SecurityGroupRuleCreate(
        security_group_id=check_id(asked.parent_group_id), remote_group_id=check_id(asked.group_id) if asked.group_id else None,
        direction="ingress", ethertype=_ethertype(prefix), remote_ip_prefix=prefix, protocol=protocol,
        # -1 is any type or any code.
        port_range_min=None if low == -1 else low, port_range_max=None if high == -1 else high)


def _traffic(asked: RuleText) -> tuple[str | None, int | None, int | None]:
    """Protocol and ports (or ICMP type and code). A rule with a source group may leave them out; one with a block may not."""
    protocol = asked.ip_protocol.lower() if asked.ip_protocol else None
    if asked.group_id and asked.from_port is None and asked.to_port is None:
        if protocol is None:
            return None, None, None
        low, high = (-1, -1) if protocol == "icmp" else RANGES.get(protocol, (None, None))
    else:
        low, high = _port(asked.from_port), _port(asked.to_port)
    if protocol is None or low is None or high is None:
        raise Invalid("Not enough parameters to build a valid rule.")
    if protocol not in RANGES:
        raise Invalid(f"Invalid IP protocol {asked.ip_protocol}.")
    least, most = RANGES[protocol]
    if not (least <= low <= most and least <= high <= most) or (protocol != "icmp" and low > high):
        raise Invalid(f"Invalid port range {low}:{high}. {protocol} takes {least} to {most}, the smaller one first.")
    return protocol, low, high


def _port(wanted: int | str | None) -> int | None:
    if isinstance(wanted, str):
        if not wanted.removeprefix("-").isdecimal() or not wanted.isascii():
            raise Invalid("To and From ports, and ICMP types and codes, must be integers")
        return int(wanted)
    return wanted


def _ethertype(prefix: str | None) -> str:
    if prefix is None:
        return "IPv4"
    try:
        return f"IPv{ip_network(prefix, strict=False).version}"
    except ValueError as problem:
        raise Invalid(f"Invalid CIDR {prefix}.") from problem


def _target(group: Any) -> dict[str, str]:
    return {"project_id": group.project_id, "security_group:project_id": group.project_id}
