"""Subnet pools: prefixes from which subnets' ranges are carved."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import builtins
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from msgspec import UNSET
from msgspec.structs import replace

from pileus.core.context import Context
from pileus.core.errors import Invalid
from pileus.network import addressing, errors, ipam
from pileus.network.model import SubnetPool, SubnetPoolCreate, SubnetPoolUpdate, Wanted
from pileus.network.model.fields import given
from pileus.network.service.part import Part, expect_revision
from pileus.network.store.subnets import subnetpools as pool_table
from pileus.network.store.subnets import subnets as subnet_table

WIDTH, LEAST = {4: 32, 6: 128}, {4: 8, 6: 64}


class SubnetPools(Part):
    async def list(self, who: Context, wanted: Wanted = Wanted()) -> builtins.list[SubnetPool]:
        return await self.stores.subnetpools.page(who.scope, wanted)

    async def get(self, who: Context, pool_id: str) -> SubnetPool:
        return await self.stores.subnetpools.get(pool_id, who.scope)

    async def create_all(self, who: Context, orders: Sequence[SubnetPoolCreate]) -> builtins.list[SubnetPool]:
        async with self.db.transaction():
            made = [await self._create(who, order) for order in orders]
        return made

    async def update(self, who: Context, pool_id: str, order: SubnetPoolUpdate, *, revision: int | None = None) -> SubnetPool:
        async with self.db.transaction():
            pool = await self.stores.subnetpools.bare(pool_id, who.scope, lock=True)
            expect_revision(pool, revision)
            changes = given(order, "name", "description", "is_default", "address_scope_id")
            if order.prefixes is not UNSET:
                changes["prefixes"] = self._extended(pool, order.prefixes)
            for name in ("min_prefixlen", "max_prefixlen", "default_prefixlen", "default_quota"):
                if (value := getattr(order, name)) is not UNSET:
                    changes[name] = None if value is None else int(value)
            after = replace(pool, **changes)
            _check_lengths(after)
            if after.is_default and not pool.is_default:
                await self._only_default(after.ip_version)
            if "address_scope_id" in changes or "prefixes" in changes:
                await self._check_scope(who, after)
            if changes:
                await self.stores.subnetpools.update(pool_id, self.now(), **changes)
        return await self.get(who, pool_id)

    async def delete(self, who: Context, pool_id: str, *, revision: int | None = None) -> None:
        async with self.db.transaction():
            pool = await self.stores.subnetpools.bare(pool_id, who.scope, lock=True)
            expect_revision(pool, revision)
            if await self.stores.subnets.count(subnet_table.c.subnetpool_id == pool_id):
                raise errors.SubnetPoolDeleteError()
            await self.stores.subnetpools.delete(pool_id)

    # ---- for subnets -----------------------------------------------------------------------------------------------------
    async def default(self, who: Context, version: int) -> str:
        found = await self.stores.subnetpools.all(pool_table.c.is_default, pool_table.c.ip_version == version)
        if not found:
            raise errors.BadRequest(resource="subnets", why=f"No default subnetpool found for IPv{version}")
        return found[0].id

    async def carve(self, who: Context, project: str, pool_id: str, network_id: str, *, cidr: str | None, prefixlen: int | None,
                    ip_version: int | None) -> str:
        """A range of the pool that no subnet has: the one that was asked for, or the first of the length."""
        pool = await self.stores.subnetpools.bare(pool_id, who.scope, lock=True)
        if ip_version is not None and ip_version != pool.ip_version:
            raise errors.InvalidInput(why=f"ip_version {ip_version} does not match the subnet pool's {pool.ip_version}")
        for other in await self.stores.subnets.on(network_id):
            if other.ip_version == pool.ip_version and other.subnetpool_id != pool_id:
                raise errors.NetworkSubnetPoolAffinityError()
        width = WIDTH[pool.ip_version]
        wanted = addressing.network_of(cidr) if cidr is not None else None
        length = wanted.prefixlen if wanted is not None else (prefixlen if prefixlen is not None else pool.default_prefixlen)
        if length < pool.min_prefixlen:
            raise errors.MinPrefixSubnetAllocationError(prefixlen=length, limit=pool.min_prefixlen)
        if length > pool.max_prefixlen:
            raise errors.MaxPrefixSubnetAllocationError(prefixlen=length, limit=pool.max_prefixlen)
        carved = await self.stores.subnets.all(subnet_table.c.subnetpool_id == pool_id)
        await self._check_quota(pool, [s.cidr for s in carved if s.project_id == project], length)
        left = ipam.free_blocks(_ranges(pool.prefixes), _ranges(s.cidr for s in carved))
        if wanted is not None:
            low, high = int(wanted.network_address), int(wanted.broadcast_address)
            if wanted.version != pool.ip_version or not any(first <= low and high <= last for first, last in left):
                raise errors.SubnetAllocationError(
                    why=f"Cannot allocate requested subnet {wanted} from the available set of prefixes"
                )
            return str(wanted)
        start = ipam.first_block(left, 1 << (width - length))
        if start is None:
            raise errors.SubnetAllocationError(why="Insufficient prefix space to allocate subnet size /" + str(length))
        return f"{addressing.text(start, pool.ip_version)}/{length}"

    # ---- helpers -----------------------------------------------------------------------------------------------------
    async def _create(self, who: Context, order: SubnetPoolCreate) -> SubnetPool:
        project, now = self.owner(who, order), self.now()
        await self.net.groups.ensure_default(project)
        await self.net.quotas.take(project, "subnetpool")
        prefixes = _prefixes(order.prefixes)
        version = ip_network(prefixes[0]).version
        least = int(order.min_prefixlen) if order.min_prefixlen is not UNSET else LEAST[version]
        pool = SubnetPool(
            id=self.ids.uuid(),
            project_id=project,
            name=order.name,
            description=order.description,
            ip_version=version,
            prefixes=prefixes,
            min_prefixlen=least,
            max_prefixlen=int(order.max_prefixlen) if order.max_prefixlen is not UNSET else WIDTH[version],
            default_prefixlen=int(order.default_prefixlen) if order.default_prefixlen is not UNSET else least,
            default_quota=None if order.default_quota is None else int(order.default_quota),
            shared=order.shared,
            is_default=order.is_default,
            address_scope_id=order.address_scope_id,
            created_at=now,
            updated_at=now,
        )
        _check_lengths(pool)
        if pool.is_default:
            await self._only_default(version)
        await self._check_scope(who, pool)
        await self.stores.subnetpools.insert(pool)
        await self.add_tags(pool.id, order.tags)
        return replace(pool, tags=tuple(sorted(set(order.tags))))

    def _extended(self, pool: SubnetPool, wanted: Sequence[str]) -> tuple[str, ...]:
        """Prefixes may only be added: subnets live in those that are there."""
        prefixes = _prefixes(wanted)
        if ip_network(prefixes[0]).version != pool.ip_version:
            raise errors.PrefixVersionMismatch()
        new = _ranges(prefixes)
        for low, high in _ranges(pool.prefixes):
            if not any(first <= low and high <= last for first, last in new):
                raise errors.IllegalSubnetPoolPrefixUpdate(why="Existing prefixes must be a subset of the new prefixes")
        return prefixes

    async def _only_default(self, version: int) -> None:
        if await self.stores.subnetpools.count(pool_table.c.is_default, pool_table.c.ip_version == version):
            raise errors.InvalidInput(
                why="A default subnetpool for this IP family has already been set. Only one default may exist per IP family"
            )

    async def _check_scope(self, who: Context, pool: SubnetPool) -> None:
        """Within an address scope no address is twice."""
        if pool.address_scope_id is None:
            return
        scope = await self.stores.address_scopes.bare(pool.address_scope_id, who.scope)
        if (
            scope.ip_version != pool.ip_version
            or (not scope.shared and scope.project_id != pool.project_id)
            or (pool.shared and not scope.shared)
        ):
            raise errors.IllegalSubnetPoolAssociationToAddressScope(subnetpool_id=pool.id, address_scope_id=scope.id)
        for other in await self.stores.subnetpools.all(pool_table.c.address_scope_id == scope.id, pool_table.c.id != pool.id):
            if any(ip_network(a).overlaps(ip_network(b)) for a in pool.prefixes for b in other.prefixes):
                raise errors.AddressScopePrefixConflict()

    async def _check_quota(self, pool: SubnetPool, cidrs: Iterable[str], length: int) -> None:
        """In addresses for IPv4, in /64s for IPv6."""
        if pool.default_quota is None or pool.default_quota < 0:
            return
        unit = WIDTH[4] if pool.ip_version == 4 else 64
        sizes = [1 << max(unit - n, 0) for n in [*(ip_network(cidr).prefixlen for cidr in cidrs), length]]
        if sum(sizes) > pool.default_quota:
            raise errors.SubnetPoolQuotaExceeded()


def _prefixes(wanted: Sequence[str]) -> tuple[str, ...]:
    """Without overlaps and as few as possible, in order."""
    if not wanted:
        raise errors.EmptySubnetPoolPrefixList()
    nets = [ip_network(addressing.prefix_of(one, "prefixes")) for one in wanted]
    v4, v6 = [net for net in nets if isinstance(net, IPv4Network)], [net for net in nets if isinstance(net, IPv6Network)]
    if v4 and v6:
        raise errors.PrefixVersionMismatch()
    return tuple(map(str, (*collapse_addresses(v4), *collapse_addresses(v6))))


def _ranges(cidrs: Iterable[str]) -> list[ipam.Range]:
    return [(int(net.network_address), int(net.broadcast_address)) for net in map(ip_network, cidrs)]


def _check_lengths(pool: SubnetPool) -> None:
    width = WIDTH[pool.ip_version]
    for name in ("min_prefixlen", "max_prefixlen", "default_prefixlen"):
        if not 0 <= getattr(pool, name) <= width:
            raise Invalid(f"Invalid input for {name}. Reason: '{getattr(pool, name)}' is not between 0 and {width}.")
    for one, other in (
        ("min_prefixlen", "max_prefixlen"),
        ("min_prefixlen", "default_prefixlen"),
        ("default_prefixlen", "max_prefixlen"),
    ):
        if getattr(pool, one) > getattr(pool, other):
            raise errors.IllegalSubnetPoolPrefixBounds(
                one=one, one_value=getattr(pool, one), other=other, other_value=getattr(pool, other)
            )
