"""The `compute_hosts` table, kept in memory by every process that schedules."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from pileus.compute.model.flavor import Flavor
from pileus.compute.model.host import Host, Used
from pileus.compute.store import generations
from pileus.compute.store.tables import hosts, servers
from pileus.core.db import Database

NAME = "hosts"
ALIVE = servers.c.deleted_at.is_(None)


class Hosts:
    def __init__(self, db: Database):
        self.db = db
        self._seen = -1
        self._by_id: dict[str, Host] = {}
        self._all: tuple[Host, ...] = ()

    async def all(self) -> tuple[Host, ...]:
        """Every host by name; the same tuple as before when nothing changed. Only rows that changed are read again.

        Inside a transaction, which may yet be undone, nothing is remembered.
        """
        if self.db.in_transaction:
            return tuple(await self.db.all(Host, sa.select(hosts).order_by(hosts.c.host)))
        generation = await generations.current(self.db, NAME)
        if generation == self._seen:
            return self._all
        changed = await self.db.all(Host, sa.select(hosts).where(hosts.c.generation > self._seen))
        found = self._by_id | {host.id: host for host in changed}
        if len(found) != await self.db.scalar(sa.select(sa.func.count()).select_from(hosts)):
            found = {host.id: host for host in await self.db.all(Host, sa.select(hosts))}  # some are gone
        self._all = tuple(sorted(found.values(), key=lambda host: host.host))
        self._by_id, self._seen = found, generation
        return self._all

    async def find(self, host: str) -> Host | None:
        return await self.db.one(Host, sa.select(hosts).where(hosts.c.host == host))

    async def next_generation(self) -> int:
        return await generations.next_of(self.db, NAME)

    async def next_number(self) -> int:
        return (await self.db.scalar(sa.select(sa.func.max(hosts.c.number))) or 0) + 1

    async def insert(self, host: Host, generation: int) -> None:
        await self.db.insert(hosts, host, generation=generation)

    async def update(self, host: str, values: dict[str, Any], generation: int) -> int:
        return await self.db.execute(hosts.update().where(hosts.c.host == host).values(**values, generation=generation))

    async def delete(self, host: str) -> int:
        return await self.db.execute(hosts.delete().where(hosts.c.host == host))

    async def count_servers(self, host: str) -> int:
        return await self.db.scalar(sa.select(sa.func.count()).select_from(servers).where(servers.c.host == host, ALIVE))

    async def used(self) -> dict[str, Used]:
        """host → what the flavors of its servers add up to."""
        stmt = sa.select(servers.c.host, servers.c.flavor, sa.func.count(), sa.func.count(servers.c.task_state))
        found: dict[str, Used] = {}
        stmt = stmt.where(servers.c.host.is_not(None), ALIVE).group_by(servers.c.host, servers.c.flavor)
        for host, flavor, count, busy in await self.db.rows(stmt):
            found[host] = found.get(host, Used()).plus(msgspec.convert(flavor, Flavor), count, busy)
        return found

    async def used_by_project(self, host: str) -> dict[str, Used]:
        """project → what its servers on a host take."""
        stmt = sa.select(servers.c.project_id, servers.c.flavor, sa.func.count()).where(servers.c.host == host, ALIVE)
        found: dict[str, Used] = {}
        for project, flavor, count in await self.db.rows(stmt.group_by(servers.c.project_id, servers.c.flavor)):
            found[project] = found.get(project, Used()).plus(msgspec.convert(flavor, Flavor), count)
        return found

    async def servers(self, names: list[str]) -> dict[str, list[tuple[str, str]]]:
        """host → (id, name) of the servers on it."""
        stmt = (
            sa.select(servers.c.host, servers.c.id, servers.c.name)
            .where(servers.c.host.in_(names), ALIVE)
            .order_by(servers.c.created_at)
        )
        found: dict[str, list[tuple[str, str]]] = {}
        for host, id, name in await self.db.rows(stmt):
            found.setdefault(host, []).append((id, name))
        return found
