"""Networks and with whom they are shared."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from msgspec.structs import replace

from pileus.core.context import EVERYONE
from pileus.core.db import METADATA, Id, Json
from pileus.network import errors
from pileus.network.model import Network, RbacPolicy
from pileus.network.model.rbac import SHARED
from pileus.network.store.addresses import addresses
from pileus.network.store.base import Clause, Listing, Project, gather, grouped, matches, owned, standard
from pileus.network.store.resource import Store

networks = sa.Table(
    "network_networks", METADATA, *standard(),
    sa.Column("admin_state_up", sa.Boolean, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("shared", sa.Boolean, nullable=False),
    sa.Column("external", sa.Boolean, nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False),
    sa.Column("mtu", sa.Integer, nullable=False),
    sa.Column("port_security_enabled", sa.Boolean, nullable=False),
    sa.Column("network_type", sa.String(32), nullable=False),
    sa.Column("physical_network", sa.String(64)),
    sa.Column("segmentation_id", sa.Integer),
    sa.Column("availability_zone_hints", Json, nullable=False),
    sa.Column("dns_domain", sa.String(255), nullable=False),
    Id("dhcp_port_id"),
    # One VXLAN identifier, one network; one bridge, one flat network (see `segment`).
    sa.Column("segment", sa.String(96), unique=True),
)
rbac = sa.Table(
    "network_rbac_policies", METADATA,
    Id("id", primary_key=True),
    Id("project_id", nullable=False, index=True),
    sa.Column("object_type", sa.String(64), nullable=False),
    Id("object_id", sa.ForeignKey("network_networks.id", ondelete="CASCADE"), nullable=False),
    sa.Column("action", sa.String(32), nullable=False),
    sa.Column("target_tenant", sa.String(255), nullable=False),
    sa.UniqueConstraint("object_id", "action", "target_tenant"),
)
#: What is asked here of tables that are declared above this module.
subnet_ids = sa.table(
    "network_subnets",
    *(sa.column(name) for name in ("id", "network_id", "ip_version", "subnetpool_id", "created_at")),
    sa.column("enable_dhcp", sa.Boolean),
)
pools = sa.table("network_subnetpools", sa.column("id"), sa.column("address_scope_id"))
SUBNETS_OF = (
    sa.select(subnet_ids.c.id, subnet_ids.c.network_id, subnet_ids.c.ip_version, pools.c.address_scope_id)
    .outerjoin(pools, pools.c.id == subnet_ids.c.subnetpool_id)
    .where(subnet_ids.c.network_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(subnet_ids.c.created_at, subnet_ids.c.id)
)


def shared_with(project: Project) -> Clause:
    """Shared with everybody, or with this project in particular."""
    granted = sa.select(rbac.c.object_id).where(rbac.c.action == SHARED, rbac.c.target_tenant == project)
    return sa.or_(networks.c.shared, networks.c.id.in_(granted))


def segment(network: Network) -> str | None:
    """What only one network can have."""
    if network.segmentation_id is not None:
        return f"{network.network_type}:{network.segmentation_id}"
    return f"{network.network_type}:{network.physical_network}" if network.physical_network else None


class Networks(Store[Network]):
    table, kind = networks, Network
    absent, named = errors.NetworkNotFound, "network_id"
    listing = Listing(
        networks,
        hidden=("dhcp_port_id", "segment"),
        renamed={
            "router:external": "external",
            "provider:network_type": "network_type",
            "provider:physical_network": "physical_network",
            "provider:segmentation_id": "segmentation_id",
        },
        special={
            "subnets": lambda values: networks.c.id.in_(sa.select(subnet_ids.c.network_id).where(subnet_ids.c.id.in_(values))),
            "subnet_id": lambda values: networks.c.id.in_(sa.select(subnet_ids.c.network_id).where(subnet_ids.c.id.in_(values))),
        },
    )

    def visible(self, project: Project) -> Clause:
        return sa.or_(networks.c.project_id == project, networks.c.external, shared_with(project))

    async def dress(self, found: Sequence[Network], scope: str | None = None) -> list[Network]:
        ids = [network.id for network in found]
        tags = await self.tags.of(ids)
        rows = await gather(self.db, SUBNETS_OF, ids)
        subnets = grouped(rows, lambda row: row.network_id, lambda row: row.id)
        scopes = {(row.network_id, row.ip_version): row.address_scope_id for row in rows if row.address_scope_id}
        granted: set[str] = set()
        if scope not in (None, EVERYONE):
            stmt = sa.select(rbac.c.object_id).where(rbac.c.action == SHARED, rbac.c.target_tenant == scope)
            granted = {row.object_id for row in await self.db.rows(stmt)}
        return [replace(n, tags=tags.get(n.id, ()), subnets=subnets.get(n.id, ()), shared_here=n.shared or n.id in granted,
                        ipv4_address_scope=scopes.get((n.id, 4)), ipv6_address_scope=scopes.get((n.id, 6))) for n in found]

    async def insert(self, network: Network) -> None:
        """Raises Duplicate when its segment is another's."""
        await self.db.insert(networks, network, segment=segment(network))

    async def set_dhcp_port(self, id: str, port_id: str | None) -> None:
        """Not a revision: nobody asked for it."""
        await self.db.execute(networks.update().where(networks.c.id == id).values(dhcp_port_id=port_id))

    async def without_dhcp(self) -> list[str]:
        """Networks with a subnet that has DHCP, on which no DHCP port has an address."""
        served = sa.select(addresses.c.subnet_id).where(
            addresses.c.port_id == networks.c.dhcp_port_id, addresses.c.subnet_id == subnet_ids.c.id
        )
        stmt = sa.select(networks.c.id).distinct().join(subnet_ids, subnet_ids.c.network_id == networks.c.id)
        return [row.id for row in await self.db.rows(stmt.where(subnet_ids.c.enable_dhcp, ~served.exists()))]

    async def available(self, project_id: str) -> list[Network]:
        """What a project's servers may be put on without naming it: its own networks, and those shared with it."""
        own = sa.or_(networks.c.project_id == project_id, shared_with(project_id))
        return await self.all(own, sa.or_(networks.c.external.is_(False), networks.c.project_id == project_id))


class RbacPolicies:
    """With whom networks are shared, one row per grant. The grants to everybody are columns of the network as well."""

    listing = Listing(rbac, special={"target_project": lambda values: matches(rbac.c.target_tenant, values)})

    def __init__(self, db):
        self.db = db

    def missing(self, id: str) -> errors.RbacPolicyNotFound:
        return errors.RbacPolicyNotFound(rbac_policy_id=id)

    async def get(self, id: str, scope: str | None) -> RbacPolicy:
        stmt = sa.select(rbac).where(rbac.c.id == id)
        mine = owned(rbac, scope)
        found = await self.db.one(RbacPolicy, stmt if mine is None else stmt.where(mine))
        if found is None:
            raise self.missing(id)
        return found

    async def page(self, scope: str | None, wanted) -> list[RbacPolicy]:
        return await self.listing.page(self.db, RbacPolicy, self.listing.select(wanted, owned(rbac, scope)), wanted, self.missing)

    async def of(self, object_id: str) -> list[RbacPolicy]:
        return await self.db.all(RbacPolicy, sa.select(rbac).where(rbac.c.object_id == object_id))

    async def insert(self, policy: RbacPolicy) -> None:
        await self.db.insert(rbac, policy)

    async def retarget(self, id: str, target: str) -> None:
        await self.db.execute(rbac.update().where(rbac.c.id == id).values(target_tenant=target))

    async def delete(self, id: str) -> None:
        await self.db.execute(rbac.delete().where(rbac.c.id == id))

    async def withdraw(self, object_id: str, action: str, target: str) -> None:
        await self.db.execute(
            rbac.delete().where(rbac.c.object_id == object_id, rbac.c.action == action, rbac.c.target_tenant == target)
        )

    async def count(self, project_id: str) -> int:
        return await self.db.scalar(sa.select(sa.func.count()).select_from(rbac).where(rbac.c.project_id == project_id))
