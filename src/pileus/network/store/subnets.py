"""Subnets, subnet pools and address scopes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlalchemy as sa

from pileus.core.db import METADATA, Id, Json
from pileus.network import errors
from pileus.network.model import AddressScope, Subnet, SubnetPool
from pileus.network.store.base import Clause, Listing, Project, standard
from pileus.network.store.networks import networks, shared_with
from pileus.network.store.resource import Store

address_scopes = sa.Table(
    "network_address_scopes", METADATA, *standard(),
    sa.Column("ip_version", sa.Integer, nullable=False),
    sa.Column("shared", sa.Boolean, nullable=False),
)
subnetpools = sa.Table(
    "network_subnetpools", METADATA, *standard(),
    sa.Column("ip_version", sa.Integer, nullable=False),
    sa.Column("prefixes", Json, nullable=False),
    sa.Column("min_prefixlen", sa.Integer, nullable=False),
    sa.Column("max_prefixlen", sa.Integer, nullable=False),
    sa.Column("default_prefixlen", sa.Integer, nullable=False),
    sa.Column("default_quota", sa.Integer),
    sa.Column("shared", sa.Boolean, nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False),
    Id("address_scope_id", sa.ForeignKey("network_address_scopes.id"), index=True),
)
subnets = sa.Table(
    "network_subnets", METADATA, *standard(),
    Id("network_id", sa.ForeignKey("network_networks.id"), nullable=False, index=True),
    sa.Column("ip_version", sa.Integer, nullable=False),
    sa.Column("cidr", sa.String(64), nullable=False),
    sa.Column("gateway_ip", sa.String(64)),
    sa.Column("enable_dhcp", sa.Boolean, nullable=False),
    sa.Column("ipv6_ra_mode", sa.String(16)),
    sa.Column("ipv6_address_mode", sa.String(16)),
    sa.Column("dns_nameservers", Json, nullable=False),
    sa.Column("host_routes", Json, nullable=False),
    sa.Column("allocation_pools", Json, nullable=False),
    sa.Column("service_types", Json, nullable=False),
    Id("subnetpool_id", sa.ForeignKey("network_subnetpools.id"), index=True),
    sa.Column("dns_publish_fixed_ip", sa.Boolean, nullable=False),
)
ON_NETWORK = (
    sa.select(subnets).where(subnets.c.network_id == sa.bindparam("network_id")).order_by(subnets.c.created_at, subnets.c.id)
)


class Subnets(Store[Subnet]):
    table, kind = subnets, Subnet
    absent, named = errors.SubnetNotFound, "subnet_id"
    listing = Listing(
        subnets,
        special={
            "shared": lambda values: subnets.c.network_id.in_(
                sa.select(networks.c.id).where(networks.c.shared == (values[-1].lower() in ("true", "1")))
            ),
        },
    )

    def visible(self, project: Project) -> Clause:
        """Those of networks that are the project's or shared with it. An external network's addresses are not everybody's."""
        there = sa.select(networks.c.id).where(sa.or_(networks.c.project_id == project, shared_with(project)))
        return sa.or_(subnets.c.project_id == project, subnets.c.network_id.in_(there))

    async def on(self, network_id: str) -> list[Subnet]:
        """The subnets of a network, oldest first."""
        return await self.db.all(Subnet, ON_NETWORK, {"network_id": network_id})


class SubnetPools(Store[SubnetPool]):
    table, kind = subnetpools, SubnetPool
    absent, named = errors.SubnetPoolNotFound, "subnetpool_id"
    listing = Listing(subnetpools)

    def visible(self, project: Project) -> Clause:
        return sa.or_(subnetpools.c.project_id == project, subnetpools.c.shared)


class AddressScopes(Store[AddressScope]):
    table, kind = address_scopes, AddressScope
    absent, named = errors.AddressScopeNotFound, "address_scope_id"
    listing = Listing(address_scopes)

    def visible(self, project: Project) -> Clause:
        return sa.or_(address_scopes.c.project_id == project, address_scopes.c.shared)
