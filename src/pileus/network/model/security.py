"""Security groups and their rules."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from pileus.network.model.fields import Create, Number, ProjectId, Record, Tag, Text, Update

#: Names of IP protocols that rules may use, and their numbers (IANA).
PROTOCOLS = {
    "ah": 51,
    "dccp": 33,
    "egp": 8,
    "esp": 50,
    "gre": 47,
    "hopopt": 0,
    "icmp": 1,
    "igmp": 2,
    "ip": 0,
    "ipip": 4,
    "ipv6-encap": 41,
    "ipv6-frag": 44,
    "ipv6-icmp": 58,
    "ipv6-nonxt": 59,
    "ipv6-opts": 60,
    "ipv6-route": 43,
    "ospf": 89,
    "pgm": 113,
    "rsvp": 46,
    "sctp": 132,
    "tcp": 6,
    "udp": 17,
    "udplite": 136,
    "vrrp": 112,
}


class SecurityGroupRule(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    project_id: str
    security_group_id: str
    direction: str
    ethertype: str = "IPv4"
    protocol: str | None = None
    port_range_min: int | None = None
    port_range_max: int | None = None
    remote_ip_prefix: str | None = None
    remote_group_id: str | None = None
    description: str = ""
    normalized_cidr: str | None = None
    revision_number: int = 0
    created_at: datetime
    updated_at: datetime

    @property
    def fingerprint(self) -> str:
        """What makes two rules of a group the same rule."""
        protocol = PROTOCOLS.get(self.protocol or "", self.protocol)  # tcp and 6 are one
        parts = (
            self.direction,
            self.ethertype,
            protocol,
            self.port_range_min,
            self.port_range_max,
            self.normalized_cidr,
            self.remote_group_id,
        )
        return "|".join("" if part is None else str(part) for part in parts)


class SecurityGroup(Record, frozen=True, kw_only=True):
    stateful: bool = True
    is_default: bool = False
    rules: tuple[SecurityGroupRule, ...] = ()


class SecurityGroupCreate(Create, frozen=True, kw_only=True, forbid_unknown_fields=True):
    stateful: bool = True
    tags: list[Tag] = []


class SecurityGroupUpdate(Update, frozen=True, kw_only=True, forbid_unknown_fields=True):
    stateful: bool | UnsetType = UNSET


class SecurityGroupRuleCreate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    project_id: ProjectId | UnsetType = UNSET
    tenant_id: ProjectId | UnsetType = UNSET
    security_group_id: Text                 # whatever it is, an unknown one is not found
    direction: str
    ethertype: str | None = "IPv4"
    protocol: str | int | None = None
    port_range_min: Number | None = None
    port_range_max: Number | None = None
    remote_ip_prefix: str | None = None
    remote_group_id: Text | None = None
    remote_address_group_id: None = None
    description: Text = ""

    @property
    def owner(self) -> str | UnsetType:
        return self.tenant_id if self.project_id is UNSET else self.project_id
