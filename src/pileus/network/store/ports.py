"""Ports, their addresses and their security groups."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import sqlalchemy as sa
from msgspec.structs import replace

from pileus.core import statements
from pileus.core.db import METADATA, Id, Json
from pileus.network import errors
from pileus.network.model import Address, AddressPair, Kind, Port
from pileus.network.store.addresses import addresses
from pileus.network.store.base import Clause, Listing, Project, chunks, gather, grouped, standard
from pileus.network.store.networks import networks
from pileus.network.store.resource import Store

ports = sa.Table(
    "network_ports", METADATA, *standard(),
    Id("network_id", sa.ForeignKey("network_networks.id"), nullable=False),
    sa.Column("mac_address", sa.String(32), nullable=False),
    sa.Column("admin_state_up", sa.Boolean, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("device_id", sa.String(255), nullable=False, index=True),
    sa.Column("device_owner", sa.String(255), nullable=False),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("coming_to", sa.String(255), nullable=False, index=True),
    sa.Column("vif_type", sa.String(64), nullable=False),
    sa.Column("vnic_type", sa.String(64), nullable=False),
    sa.Column("binding_profile", Json, nullable=False),
    sa.Column("port_security_enabled", sa.Boolean, nullable=False),
    sa.Column("allowed_address_pairs", Json, nullable=False),
    sa.Column("extra_dhcp_opts", Json, nullable=False),
    sa.Column("dns_name", sa.String(255), nullable=False),
    sa.Column("dns_domain", sa.String(255), nullable=False),
    sa.UniqueConstraint("network_id", "mac_address"),
    sa.Index("ix_network_ports_host_network_id", "host", "network_id"),
)
port_groups = sa.Table(
    "network_port_groups", METADATA,
    Id("port_id", sa.ForeignKey("network_ports.id", ondelete="CASCADE"), primary_key=True),
    Id("group_id", sa.ForeignKey("network_security_groups.id"), primary_key=True, index=True),
)
ADDRESSES_OF = sa.select(addresses.c.network_id, addresses.c.ip, addresses.c.port_id, addresses.c.subnet_id).where(
    addresses.c.port_id.in_(sa.bindparam("ids", expanding=True))).order_by(addresses.c.at)
GROUPS_OF = (
    sa.select(port_groups).where(port_groups.c.port_id.in_(sa.bindparam("ids", expanding=True))).order_by(port_groups.c.group_id)
)


def _having(clause: Clause) -> Clause:
    return ports.c.id.in_(sa.select(addresses.c.port_id).where(clause))


def _fixed_ips(values: tuple[str, ...]) -> Clause:
    """fixed_ips=ip_address=10.0.0.3, =subnet_id=…, =ip_address_substr=10.0: each kind must be met by one of its values."""
    by_kind: dict[str, list[str]] = {}
    for value in values:
        kind, _, wanted = value.partition("=")
        by_kind.setdefault(kind, []).append(wanted)
    clauses: list[Clause] = []
    if "ip_address" in by_kind:
        clauses.append(_having(addresses.c.ip.in_(by_kind["ip_address"])))
    if "subnet_id" in by_kind or "subnet" in by_kind:
        clauses.append(_having(addresses.c.subnet_id.in_(by_kind.get("subnet_id", []) + by_kind.get("subnet", []))))
    if "ip_address_substr" in by_kind:
        clauses.append(_having(sa.or_(*(addresses.c.ip.contains(part, autoescape=True) for part in by_kind["ip_address_substr"]))))
    return sa.and_(sa.true(), *clauses)

_OTHER = ports.update().where(ports.c.host == sa.bindparam("at"), ports.c.status != sa.bindparam("new"))
SET_STATUS = _OTHER.where(ports.c.id.in_(sa.bindparam("ids", expanding=True))).values(status=sa.bindparam("new"))
SET_DOWN = ports.update().where(ports.c.host == sa.bindparam("at"), ports.c.kind == Kind.GUEST).values(status="DOWN")


class Ports(Store[Port]):
    table, kind = ports, Port
    absent, named = errors.PortNotFound, "port_id"
    listing = Listing(
        ports,
        hidden=("kind", "coming_to", "binding_profile", "allowed_address_pairs", "extra_dhcp_opts"),
        renamed={"binding:host_id": "host", "binding:vif_type": "vif_type", "binding:vnic_type": "vnic_type"},
        special={
            "fixed_ips": _fixed_ips,
            "security_groups": lambda values: ports.c.id.in_(
                sa.select(port_groups.c.port_id).where(port_groups.c.group_id.in_(values))
            ),
        },
    )

    def visible(self, project: Project) -> Clause:
        """A project's own ports, and all those on its networks."""
        return sa.or_(
            ports.c.project_id == project, ports.c.network_id.in_(sa.select(networks.c.id).where(networks.c.project_id == project))
        )

    async def dress(self, found: Sequence[Port], scope: str | None = None) -> list[Port]:
        if not found:
            return []
        ids = [port.id for port in found]
        tags, groups, fixed = await self.tags.of(ids), await self.groups_of(ids), await self.addresses_of(ids)
        return [
            replace(p, tags=tags.get(p.id, ()), security_groups=groups.get(p.id, ()), addresses=fixed.get(p.id, ())) for p in found
        ]

    async def addresses_of(self, ids: Sequence[str]) -> dict[str, tuple[Address, ...]]:
        return grouped(await gather(self.db, ADDRESSES_OF, ids), lambda row: row.port_id,
                       lambda row: Address(network_id=row.network_id, ip=row.ip, port_id=row.port_id, subnet_id=row.subnet_id))

    async def groups_of(self, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        return grouped(await gather(self.db, GROUPS_OF, ids), lambda row: row.port_id, lambda row: row.group_id)

    async def whole(self, *clauses: Clause) -> list[Port]:
        """Ports with everything that belongs to them."""
        return await self.dress(await self.all(*clauses))

    async def set_groups(self, port_id: str, groups: Iterable[str], *, new: bool = False) -> None:
        if not new:
            await self.db.delete(port_groups, port_id=port_id)
        for group in groups:
            await self.db.insert(port_groups, {"port_id": port_id, "group_id": group})

    async def set_pairs(self, port_id: str, pairs: Iterable[AddressPair]) -> None:
        await self.db.execute(ports.update().where(ports.c.id == port_id).values(allowed_address_pairs=msgspec.to_builtins(pairs)))

    async def set_status(self, status: str, host: str, ids: Sequence[str]) -> None:
        """Of ports on a host. Not a revision: nobody asked for it."""
        for part in chunks(ids):
            await self.db.execute(SET_STATUS, {"new": status, "at": host, "ids": part})

    async def set_down(self, host: str) -> int:
        """The guests' ports on a host, which is gone."""
        return await self.db.execute(SET_DOWN, {"at": host})

    async def of_device(self, device_id: str, kind: str) -> list[Port]:
        """Ports with everything that belongs to them."""
        return await self.dress(await self.db.all(Port, statements.select(ports, "device_id", "kind"),
                                                  {"row_device_id": device_id, "row_kind": kind}))


def ports_on_subnet(subnet_id: str) -> Clause:
    """Ports with an address of a subnet."""
    return _having(addresses.c.subnet_id == subnet_id)
