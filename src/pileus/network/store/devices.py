"""Ports seen from the servers they belong to."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

import sqlalchemy as sa

from pileus.core.db import Database
from pileus.network.model import Address, Kind, PortView
from pileus.network.store.addresses import addresses
from pileus.network.store.base import gather, grouped
from pileus.network.store.networks import networks
from pileus.network.store.ports import port_groups, ports
from pileus.network.store.routers import floating_ips
from pileus.network.store.security import groups

IDS: sa.BindParameter[list[str]] = sa.bindparam("ids", expanding=True)
PORTS = (
    sa.select(
        ports.c.id,
        ports.c.device_id,
        ports.c.network_id,
        ports.c.mac_address,
        ports.c.status,
        ports.c.vnic_type,
        networks.c.name.label("network_name"),
        networks.c.mtu,
        addresses.c.ip,
        addresses.c.subnet_id,
        floating_ips.c.floating_ip_address.label("outside"),
    )
    .join(networks, networks.c.id == ports.c.network_id)
    .outerjoin(addresses, addresses.c.port_id == ports.c.id)
    .outerjoin(floating_ips, sa.and_(floating_ips.c.port_id == ports.c.id, floating_ips.c.fixed_ip_address == addresses.c.ip))
    .where(ports.c.device_id.in_(IDS), ports.c.kind == Kind.GUEST)
    .order_by(ports.c.created_at, ports.c.id, addresses.c.at)
)
GROUP_NAMES = sa.select(port_groups.c.port_id, groups.c.name).join(groups, groups.c.id == port_groups.c.group_id).where(
    port_groups.c.port_id.in_(IDS)).order_by(groups.c.name)
ON_NETWORK = sa.select(addresses.c.port_id).where(
    addresses.c.network_id == sa.bindparam("network"), addresses.c.ip == sa.bindparam("ip")
)
BEHIND_ROUTER = sa.select(addresses.c.port_id).where(
    addresses.c.ip == sa.bindparam("ip"),
    addresses.c.network_id.in_(
        sa.select(ports.c.network_id).where(ports.c.device_id == sa.bindparam("router"), ports.c.kind == Kind.INTERFACE)
    ),
)


class Devices:
    def __init__(self, db: Database):
        self.db = db

    async def views(self, device_ids: Sequence[str]) -> dict[str, list[PortView]]:
        """The ports of each device, in the order they were made."""
        rows = await gather(self.db, PORTS, list(device_ids))
        names = grouped(await gather(self.db, GROUP_NAMES, list({row.id for row in rows})), lambda row: row.port_id, lambda row: row.name)
        found: dict[str, list[PortView]] = {}
        for id, of_port in groupby(rows, lambda row: row.id):
            row, *others = of_port
            fixed = tuple(Address(network_id=row.network_id, ip=one.ip, port_id=id, subnet_id=one.subnet_id)
                          for one in (row, *others) if one.ip is not None)
            floating = tuple((one.ip, one.outside) for one in (row, *others) if one.outside is not None)
            found.setdefault(row.device_id, []).append(PortView(
                id=id, device_id=row.device_id, network_id=row.network_id, network_name=row.network_name, mac_address=row.mac_address,
                status=row.status, mtu=row.mtu, vnic_type=row.vnic_type, addresses=fixed, floating_ips=floating,
                security_groups=names.get(id, ())))
        return found

    async def addresses(self) -> list[sa.Row]:
        """(device, address) of every server's port."""
        return list(
            await self.db.rows(
                sa.select(ports.c.device_id, addresses.c.ip)
                .join(addresses, addresses.c.port_id == ports.c.id)
                .where(ports.c.kind == Kind.GUEST, ports.c.device_id != "")
            )
        )

    async def port_at(self, ip: str, *, network_id: str | None, router_id: str | None) -> str | None:
        if network_id is not None:
            return await self.db.scalar(ON_NETWORK, {"network": network_id, "ip": ip})
        return await self.db.scalar(BEHIND_ROUTER, {"router": router_id, "ip": ip})

    async def take(self, port_id: str, device_id: str, device_owner: str, host: str, now: datetime) -> int:
        """Give a port to a device, unless another one has it: of two that try, one wins."""
        c = ports.c
        return await self.db.execute(
            ports.update()
            .where(c.id == port_id, c.device_id.in_(("", device_id)))
            .values(
                device_id=device_id,
                device_owner=device_owner,
                host=host,
                coming_to="",
                vif_type="bridge",
                updated_at=now,
                revision_number=c.revision_number + 1,
                status=sa.case((c.host == host, c.status), else_="DOWN"),
            )
        )

    async def expect(self, port_id: str, device_id: str, host: str) -> int:
        """Make the port of a device ready on another host. Not a revision: it is where it is."""
        c = ports.c
        return await self.db.execute(ports.update().where(c.id == port_id, c.device_id == device_id).values(coming_to=host))
