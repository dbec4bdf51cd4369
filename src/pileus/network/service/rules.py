"""Security group rules: what they may say, and when two of them say the same."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import builtins
from collections.abc import Sequence
from ipaddress import ip_network

from pileus.core.context import EVERYONE, Context
from pileus.core.db import Duplicate
from pileus.core.errors import Invalid
from pileus.network import errors
from pileus.network.model import SecurityGroupRule, SecurityGroupRuleCreate, Wanted
from pileus.network.model.security import PROTOCOLS
from pileus.network.service.part import Part

WITH_PORTS = {6: "tcp", 17: "udp", 33: "dccp", 132: "sctp", 136: "udplite"}
ICMP = {1, 58}
#: Protocols that exist in IPv6 only.
IPV6_ONLY = {43, 44, 58, 59, 60}


class Rules(Part):
    async def list(self, who: Context, wanted: Wanted = Wanted()) -> builtins.list[SecurityGroupRule]:
        if who.project_id:
            await self.net.groups.ensure_default(who.project_id)
        return await self.stores.rules.page(who.scope, wanted)

    async def get(self, who: Context, rule_id: str) -> SecurityGroupRule:
        return await self.stores.rules.get(rule_id, who.scope)

    async def create(self, who: Context, order: SecurityGroupRuleCreate) -> SecurityGroupRule:
        return (await self.create_all(who, [order]))[0]

    async def create_all(self, who: Context, orders: Sequence[SecurityGroupRuleCreate]) -> builtins.list[SecurityGroupRule]:
        """All of them or none; they are all of one group."""
        if len({order.security_group_id for order in orders}) > 1:
            raise errors.InvalidInput(why="Only allowed to update rules for one security profile at a time")
        checked = [checked_rule(order) for order in orders]
        if len({str(rule) for rule in checked}) < len(checked):
            raise errors.DuplicateSecurityGroupRuleInPost()
        async with self.db.transaction():
            made = [await self._create(who, order, rule) for order, rule in zip(orders, checked, strict=True)]
        return made

    async def delete(self, who: Context, rule_id: str) -> None:
        async with self.db.transaction():
            rule = await self.stores.rules.get(rule_id, who.scope)
            await self.stores.rules.delete(rule_id)
            await self.stores.groups.update(rule.security_group_id, self.now())
            self.net.sync.touch(groups=[rule.security_group_id])

    async def _create(self, who: Context, order: SecurityGroupRuleCreate, facts: dict) -> SecurityGroupRule:
        group = await self.stores.groups.bare(order.security_group_id, who.scope, lock=True)
        if order.remote_group_id is not None:
            await self.net.groups.check_usable([order.remote_group_id], who.scope)
        project = self.owner(who, order) if who.scope != EVERYONE else group.project_id
        await self.net.quotas.take(project, "security_group_rule")
        now = self.now()
        rule = SecurityGroupRule(id=self.ids.uuid(), project_id=project, security_group_id=group.id, description=order.description,
                                 remote_group_id=order.remote_group_id, created_at=now, updated_at=now, **facts)
        try:
            await self.stores.rules.insert(rule)
        except Duplicate as taken:
            raise errors.SecurityGroupRuleExists(rule_id=await self.stores.rules.twin(rule)) from taken
        await self.stores.groups.update(group.id, now)
        self.net.sync.touch(groups=[group.id])
        return rule


def checked_rule(order: SecurityGroupRuleCreate) -> dict:
    """What a rule says, in one spelling. Pure; raises the API's errors."""
    if order.direction not in ("ingress", "egress"):
        raise Invalid(f"Invalid input for direction. Reason: '{order.direction}' is not in ['ingress', 'egress'].")
    ethertype = {"ipv4": "IPv4", "ipv6": "IPv6"}.get((order.ethertype or "IPv4").lower())
    if ethertype is None:
        raise errors.SecurityGroupRuleInvalidEtherType(ethertype=order.ethertype)
    if order.remote_ip_prefix and order.remote_group_id:
        raise errors.SecurityGroupRemoteGroupAndRemoteIpPrefix()
    low, high = _port(order.port_range_min), _port(order.port_range_max)
    protocol = _protocol(order.protocol, ethertype)
    _check_ports(protocol, low, high)
    prefix, normalized = _prefix(order.remote_ip_prefix, ethertype)
    return {
        "direction": order.direction,
        "ethertype": ethertype,
        "protocol": protocol,
        "port_range_min": low,
        "port_range_max": high,
        "remote_ip_prefix": prefix,
        "normalized_cidr": normalized,
    }


def _protocol(wanted: str | int | None, ethertype: str) -> str | None:
    """The protocol's name in lower case, or its number as text; None for any."""
    if wanted is None or str(wanted).lower() in ("any", ""):
        return None
    name = str(wanted).lower()
    name = "ipv6-icmp" if name == "icmpv6" or (name == "icmp" and ethertype == "IPv6") else name
    if name not in PROTOCOLS and not (name.isdecimal() and name.isascii() and int(name) <= 255):
        raise errors.SecurityGroupRuleInvalidProtocol(protocol=wanted)
    if ethertype == "IPv4" and _number(name) in IPV6_ONLY:
        raise errors.SecurityGroupEthertypeConflictWithProtocol(ethertype=ethertype, protocol=wanted)
    return name if name in PROTOCOLS else str(int(name))


def _number(protocol: str) -> int:
    return PROTOCOLS[protocol] if protocol in PROTOCOLS else int(protocol)


def _port(wanted: int | str | None) -> int | None:
    if wanted is None:
        return None
    if not 0 <= int(wanted) <= 65535:
        raise errors.SecurityGroupInvalidPortValue(port=wanted)
    return int(wanted)


def _check_ports(protocol: str | None, low: int | None, high: int | None) -> None:
    """Ports only for protocols that have some (OSSA-2019-001), the right way round; ICMP has a type and maybe a code."""
    if low is None and high is None:
        return
    if protocol is None:
        raise errors.SecurityGroupProtocolRequiredWithPorts()
    number = _number(protocol)
    if number in WITH_PORTS:
        if low == 0 or high == 0:
            raise errors.SecurityGroupInvalidPortValue(port=0)
        if low is None or high is None or low > high:
            raise errors.SecurityGroupInvalidPortRange()
    elif number in ICMP:
        for attr, field, value in (("port_range_min", "type", low), ("port_range_max", "code", high)):
            if value is not None and value > 255:
                raise errors.SecurityGroupInvalidIcmpValue(field=field, attr=attr, value=value)
        if low is None:
            raise errors.SecurityGroupMissingIcmpType(value=high)
    else:
        raise errors.SecurityGroupInvalidProtocolForPort(protocol=protocol, supported=", ".join(sorted(WITH_PORTS.values())))


def _prefix(wanted: str | None, ethertype: str) -> tuple[str | None, str | None]:
    """The prefix as it was said, and without host bits (OSSA-2014-014: what is kept can always be applied)."""
    if not wanted:
        return None, None
    try:
        net = ip_network(wanted, strict=False)
    except ValueError as problem:
        raise Invalid(f"Invalid input for remote_ip_prefix. Reason: '{wanted}' is not a valid CIDR.") from problem
    if net.version != int(ethertype[-1]):
        raise errors.SecurityGroupRuleParameterConflict(ethertype=ethertype, cidr=wanted)
    return (wanted if "/" in wanted else str(net)), str(net)
