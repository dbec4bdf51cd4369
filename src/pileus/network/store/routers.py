"""Routers and floating IPs."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from msgspec.structs import replace

from pileus.core.db import METADATA, Id, Json
from pileus.network import errors
from pileus.network.model import FloatingIP, Kind, Port, Router
from pileus.network.store.base import Listing, chunks, matches, standard
from pileus.network.store.ports import Ports, ports
from pileus.network.store.resource import Store

routers = sa.Table(
    "network_routers", METADATA, *standard(),
    sa.Column("admin_state_up", sa.Boolean, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    Id("gateway_network_id", sa.ForeignKey("network_networks.id"), index=True),
    Id("gateway_port_id"),
    sa.Column("enable_snat", sa.Boolean, nullable=False),
    sa.Column("routes", Json, nullable=False),
    sa.Column("availability_zone_hints", Json, nullable=False),
)
floating_ips = sa.Table(
    "network_floating_ips", METADATA, *standard(),
    Id("floating_network_id", sa.ForeignKey("network_networks.id"), nullable=False, index=True),
    sa.Column("floating_ip_address", sa.String(64), nullable=False),
    Id("floating_port_id", sa.ForeignKey("network_ports.id"), nullable=False),
    Id("port_id", sa.ForeignKey("network_ports.id"), index=True),
    sa.Column("fixed_ip_address", sa.String(64)),
    Id("router_id", sa.ForeignKey("network_routers.id"), index=True),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("dns_name", sa.String(255), nullable=False),
    sa.Column("dns_domain", sa.String(255), nullable=False),
    sa.UniqueConstraint("floating_network_id", "floating_ip_address"),
    sa.UniqueConstraint("floating_network_id", "port_id", "fixed_ip_address"),
)


async def ports_by_id(db, ids: Sequence[str]) -> dict[str, Port]:
    found: dict[str, Port] = {}
    for part in chunks(ids):
        found |= {port.id: port for port in await Ports(db).whole(ports.c.id.in_(part))}
    return found

OF_PORTS = sa.select(floating_ips).where(floating_ips.c.port_id.in_(sa.bindparam("ids", expanding=True))).order_by(floating_ips.c.id)


class Routers(Store[Router]):
    table, kind = routers, Router
    absent, named = errors.RouterNotFound, "router_id"
    listing = Listing(
        routers,
        hidden=("gateway_network_id", "enable_snat", "routes"),
        special={
            "external_gateway_info": lambda values: matches(
                routers.c.gateway_network_id, tuple(v.partition("=")[2] or v for v in values)
            ),
        },
    )

    async def dress(self, found: Sequence[Router], scope: str | None = None) -> list[Router]:
        tags = await self.tags.of([router.id for router in found])
        gateways = await ports_by_id(self.db, [router.gateway_port_id for router in found if router.gateway_port_id])
        return [replace(r, tags=tags.get(r.id, ()), gateway=gateways.get(r.gateway_port_id or "")) for r in found]

    async def interfaces(self, router_id: str) -> list[Port]:
        """The ports of its interfaces, with their addresses."""
        return await Ports(self.db).whole(ports.c.device_id == router_id, ports.c.kind == Kind.INTERFACE)


class FloatingIPs(Store[FloatingIP]):
    table, kind = floating_ips, FloatingIP
    absent, named = errors.FloatingIPNotFound, "floatingip_id"
    listing = Listing(floating_ips, hidden=("floating_port_id",))

    async def dress(self, found: Sequence[FloatingIP], scope: str | None = None) -> list[FloatingIP]:
        tags = await self.tags.of([one.id for one in found])
        behind = await ports_by_id(self.db, list({one.port_id for one in found if one.port_id}))
        return [replace(one, tags=tags.get(one.id, ()), port=behind.get(one.port_id or "")) for one in found]

    async def of_ports(self, port_ids: Sequence[str]) -> list[FloatingIP]:
        found: list[FloatingIP] = []
        for part in chunks(port_ids):
            found.extend(await self.db.all(FloatingIP, OF_PORTS, {"ids": part}))
        return found
