"""Host aggregates and the availability zones that some of them are.

A host is in one zone at most, and the zone of a host with servers does not change: servers would move without moving.
Who changes aggregates waits for whoever did so before, so these rules hold for changes at the same time.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from pileus.compute.config import ComputeConfig
from pileus.compute.errors import (
    AggregateExists,
    AggregateHostExists,
    AggregateHostNotFound,
    AggregateHostRefused,
    AggregateNotFound,
    AggregateRefuses,
)
from pileus.compute.model.aggregate import ZONE, Aggregate
from pileus.compute.service.hosts import Hosts
from pileus.core.db import Duplicate
from pileus.core.kit import Kit


class Aggregates:
    def __init__(self, kit: Kit, config: ComputeConfig, *, hosts: Hosts):
        self.kit, self.hosts = kit, hosts
        self.store = hosts.aggregates

    async def all(self) -> tuple[Aggregate, ...]:
        """Every aggregate, kept in memory: the same tuple as long as nothing changed."""
        return await self.store.all()

    async def get(self, id: int) -> Aggregate:
        found = await self.store.find(id)
        if found is None:
            raise AggregateNotFound(id=id)
        return found

    async def create(self, name: str, zone: str | None = None) -> Aggregate:
        """Raises AggregateExists when the name is taken."""
        async with self.kit.db.transaction():
            await self.store.change()
            made = Aggregate(
                id=await self.store.next_id(),
                uuid=self.kit.ids.uuid(),
                name=name,
                metadata={ZONE: zone} if zone else {},
                created_at=self.kit.clock.now(),
            )
            try:
                await self.store.insert(made)
            except Duplicate as taken:
                raise AggregateExists(name=name) from taken
        return made

    async def update(
        self, id: int, *, name: str | None = None, metadata: Mapping[str, str | None] | None = None, action: str
    ) -> Aggregate:
        """Change the name, and metadata: a key without a value goes. Raises AggregateExists, AggregateRefuses."""
        async with self.kit.db.transaction():
            await self.store.change()
            aggregate = await self.get(id)
            if metadata and ZONE in metadata:
                await self._check_zone(aggregate, metadata[ZONE], action)
            merged = {**aggregate.metadata, **(metadata or {})}
            kept = {key: value for key, value in merged.items() if value is not None}
            try:
                return await self._save(aggregate, name=name or aggregate.name, metadata=kept)
            except Duplicate as taken:
                raise AggregateExists(name=name) from taken

    async def delete(self, id: int) -> None:
        async with self.kit.db.transaction():
            await self.store.change()
            if (await self.get(id)).hosts:
                raise AggregateRefuses(action="remove host from", id=id, reason="Host aggregate is not empty")
            await self.store.delete(id)

    async def add_host(self, id: int, host: str) -> Aggregate:
        """Raises HostNotFound, AggregateHostExists, AggregateHostRefused."""
        async with self.kit.db.transaction():
            await self.store.change()
            await self.hosts.get(host)
            aggregate = await self.get(id)
            if host in aggregate.hosts:
                raise AggregateHostExists(id=id, host=host)
            if aggregate.zone:
                if others := await self._other_zones(aggregate, [host], aggregate.zone):
                    raise AggregateHostRefused(action="add host to", id=id, reason=_already(others))
                await self._check_settled(aggregate, host, "add host to")
            await self.hosts.mirror(host, aggregate.uuid, member=True)
            return await self._save(aggregate, hosts=(*aggregate.hosts, host))

    async def remove_host(self, id: int, host: str) -> Aggregate:
        """Raises AggregateHostNotFound, AggregateHostRefused."""
        async with self.kit.db.transaction():
            await self.store.change()
            aggregate = await self.get(id)
            if host not in aggregate.hosts:
                raise AggregateHostNotFound(f"Cannot remove host {host} in aggregate {id}")
            if aggregate.zone:
                await self._check_settled(aggregate, host, "remove host from")
            await self.hosts.mirror(host, aggregate.uuid, member=False)
            return await self._save(aggregate, hosts=tuple(name for name in aggregate.hosts if name != host))

    async def _save(self, aggregate: Aggregate, **values: Any) -> Aggregate:
        changed = msgspec.structs.replace(aggregate, **values, updated_at=self.kit.clock.now())
        await self.store.update(aggregate.id, {**values, "updated_at": changed.updated_at})
        return changed

    async def _check_zone(self, aggregate: Aggregate, zone: str | None, action: str) -> None:
        """Whether the aggregate may become (or cease to be) this zone."""
        if not zone:
            raise AggregateRefuses(
                action=action, id=aggregate.id, reason=f"Aggregate {aggregate.name} does not support empty named availability zone"
            )
        if others := await self._other_zones(aggregate, aggregate.hosts, zone):
            raise AggregateRefuses(action=action, id=aggregate.id, reason=_already(others))
        if zone != aggregate.zone and await self.hosts.servers(list(aggregate.hosts)):
            raise AggregateRefuses(action=action, id=aggregate.id, reason="One or more hosts contain instances in this zone")

    async def _other_zones(self, aggregate: Aggregate, hosts: Iterable[str], zone: str) -> list[str]:
        """Zones that other aggregates put the hosts into."""
        wanted = set(hosts)
        return [a.zone for a in await self.all() if a.zone and a.zone != zone and a.id != aggregate.id and wanted & set(a.hosts)]

    async def _check_settled(self, aggregate: Aggregate, host: str, action: str) -> None:
        """Refuse what would change the zone of a host that has servers."""
        count = len((await self.hosts.servers([host])).get(host, ()))
        elsewhere = any(a.zone == aggregate.zone and a.id != aggregate.id and host in a.hosts for a in await self.all())
        if count and not elsewhere:
            raise AggregateHostRefused(
                action=action,
                id=aggregate.id,
                reason=f"The availability zone of the host would change but the host already has {count} instance(s)",
            )


def _already(zones: list[str]) -> str:
    return f"One or more hosts already in availability zone(s) {zones}"
