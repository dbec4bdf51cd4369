"""The questions behind a host's wanted state, for many hosts at a time."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from pileus.core.db import Database
from pileus.network.model import Kind
from pileus.network.store.addresses import addresses
from pileus.network.store.base import gather
from pileus.network.store.networks import networks
from pileus.network.store.ports import port_groups, ports
from pileus.network.store.routers import floating_ips, routers
from pileus.network.store.security import groups, rules
from pileus.network.store.subnets import subnets

IDS: sa.BindParameter[list[str]] = sa.bindparam("ids", expanding=True)
PORT = (ports.c.id, ports.c.network_id, ports.c.mac_address, ports.c.admin_state_up, ports.c.host, ports.c.coming_to,
        ports.c.port_security_enabled, ports.c.allowed_address_pairs, ports.c.extra_dhcp_opts, ports.c.dns_name,
        ports.c.device_id, ports.c.kind)
GUESTS = sa.select(*PORT).where(ports.c.kind == Kind.GUEST).order_by(ports.c.id)
ON_HOSTS = GUESTS.where(sa.or_(ports.c.host.in_(IDS), ports.c.coming_to.in_(IDS)))
ON_NETWORKS = GUESTS.where(ports.c.network_id.in_(IDS))
PORTS = sa.select(*PORT).where(ports.c.id.in_(IDS))
INTERFACES = sa.select(*PORT).where(ports.c.kind == Kind.INTERFACE)
ADDRESSES = (
    sa.select(addresses.c.port_id, addresses.c.ip, addresses.c.subnet_id)
    .where(addresses.c.port_id.in_(IDS))
    .order_by(addresses.c.at)
)
PORT_GROUPS = sa.select(port_groups).where(port_groups.c.port_id.in_(IDS))
NETWORKS = sa.select(networks).where(networks.c.id.in_(IDS))
DHCP_NETWORKS = sa.select(networks.c.id).where(networks.c.dhcp_port_id.is_not(None))
SUBNETS = sa.select(subnets).where(subnets.c.network_id.in_(IDS)).order_by(subnets.c.created_at, subnets.c.id)
GROUPS = sa.select(groups.c.id, groups.c.stateful).where(groups.c.id.in_(IDS))
RULES = sa.select(rules).where(rules.c.security_group_id.in_(IDS)).order_by(rules.c.fingerprint)
MEMBERS = sa.select(port_groups.c.group_id, addresses.c.ip).join(addresses, addresses.c.port_id == port_groups.c.port_id).where(
    port_groups.c.group_id.in_(IDS))
MEMBER_PAIRS = (
    sa.select(port_groups.c.group_id, ports.c.allowed_address_pairs)
    .join(ports, ports.c.id == port_groups.c.port_id)
    .where(port_groups.c.group_id.in_(IDS), sa.type_coerce(ports.c.allowed_address_pairs, sa.Text) != "[]")
)
PLACES = (
    sa.select(ports.c.network_id, ports.c.host)
    .distinct()
    .where(ports.c.network_id.in_(IDS), ports.c.host != "", ports.c.kind == Kind.GUEST)
)
HOSTS_WITH = (
    sa.select(ports.c.host)
    .distinct()
    .join(port_groups, port_groups.c.port_id == ports.c.id)
    .where(port_groups.c.group_id.in_(IDS), ports.c.host != "")
)
LETTING_IN = sa.select(rules.c.security_group_id).distinct().where(rules.c.remote_group_id.in_(IDS))
ROUTERS = sa.select(routers).order_by(routers.c.id)
FLOATING = sa.select(floating_ips).where(floating_ips.c.router_id.is_not(None)).order_by(floating_ips.c.id)


class Questions:
    def __init__(self, db: Database):
        self.db = db

    async def of(self, stmt: sa.Select, ids: Iterable[str]) -> list[sa.Row]:
        wanted = sorted(set(ids))
        return await gather(self.db, stmt, wanted) if wanted else []

    async def rows(self, stmt: sa.Select) -> Sequence[sa.Row]:
        return await self.db.rows(stmt)

    # ---- who is affected by a change -----------------------------------------------------------------------------------
    async def hosts_on(self, network_ids: Iterable[str]) -> set[str]:
        return {row.host for row in await self.of(PLACES, network_ids)}

    async def hosts_with(self, group_ids: Iterable[str]) -> set[str]:
        """Hosts of guests that have one of these groups."""
        return {row.host for row in await self.of(HOSTS_WITH, group_ids)}

    async def groups_letting_in(self, group_ids: Iterable[str]) -> set[str]:
        """Groups with a rule about the members of one of these."""
        return {row.security_group_id for row in await self.of(LETTING_IN, group_ids)}
