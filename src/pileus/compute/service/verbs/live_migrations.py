"""Live migration, and what can be asked of one that is under way."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from pileus.compute.errors import MigrationNotFound, ServerNotReady
from pileus.compute.interface import ComputeAgent
from pileus.compute.model.migration import Migration
from pileus.compute.sagas.live_migrate import LIVE_MIGRATE, LiveMigrate
from pileus.compute.service.servers import Servers
from pileus.compute.service.verbs.resizes import Resizes, new_migration
from pileus.core.bus import HostUnreachable
from pileus.core.context import Context
from pileus.core.errors import CloudError, Invalid

RUNNING = frozenset({"queued", "preparing", "pre-migrating", "running", "post-migrating"})


class LiveMigrations:
    def __init__(self, servers: Servers, resizes: Resizes):
        self.servers, self.kit, self.resizes = servers, servers.kit, resizes
        self.migrations = servers.records.migrations

    async def migrate(self, server_id: str, who: Context, *, host: str | None, forced: bool = False) -> None:
        """Begin to move a running server, to a named host if there is one. Raises Invalid, ServerInWrongState."""
        server = await self.servers.get(server_id, who)
        if host is not None:
            await self.resizes.check_destination(server, host)
        if server.host is None:
            raise ServerNotReady(id=server_id)
        async with self.servers.entering(server, "live-migration", who, record="live-migration"):
            migration = await new_migration(server, server.flavor, "live-migration", who, self.kit.ids.uuid(), self.kit.clock.now(),
                                            self.servers.resources.hosts)
            await self.migrations.add(migration)
            await self.kit.sagas.begin(LIVE_MIGRATE, server.id, LiveMigrate(
                server_id=server.id, request_id=who.request_id, migration=migration.uuid, destination=host, forced=forced))

    async def list(self, server_id: str, who: Context) -> list[Migration]:
        """Those of a server that are under way, with how far they are."""
        await self.servers.get(server_id, who)
        return [await self._measured(m) for m in await self.migrations.of_server(server_id, RUNNING) if m.type == "live-migration"]

    async def get(self, server_id: str, id: str, who: Context) -> Migration:
        """By its number or its uuid. Raises MigrationNotFound for one that is not under way."""
        for migration in await self.list(server_id, who):
            if id in (str(migration.id), migration.uuid):
                return migration
        raise MigrationNotFound(id=id, server=server_id)

    async def force_complete(self, server_id: str, id: str, who: Context) -> None:
        """Have it end soon, at the cost of a longer halt. Raises Invalid while nothing is being sent."""
        server, migration = await self.servers.get(server_id, who), await self.get(server_id, id, who)
        self.servers.refuse_locked(server, who)
        if migration.status != "running":
            raise Invalid(f"Migration {id} state of instance {server_id} is {migration.status}. Cannot force_complete while the migration "
                          "is in this state.")
        await self._record(server_id, "live_migration_force_complete", who, self._agent(migration).force_migration(server_id))

    async def abort(self, server_id: str, id: str, who: Context, *, early: bool) -> None:
        """Give it up; `early`: also one that does not send yet. Raises Invalid when it is too late."""
        server, migration = await self.servers.get(server_id, who), await self.get(server_id, id, who)
        self.servers.refuse_locked(server, who)
        allowed = {"running"} | ({"queued", "preparing", "pre-migrating"} if early else set())
        if not await self.migrations.enter(migration.uuid, self.kit.clock.now(), "cancelled", allowed=allowed):
            raise Invalid(f"Migration {id} state of instance {server_id} is {migration.status}. Cannot abort while the migration is in "
                          "this state.")
        await self._record(server_id, "live_migration_cancel", who, self._agent(migration).abort_migration(server_id))

    async def _record(self, server_id: str, verb: str, who: Context, work: Any) -> None:
        await self.servers.actions.begin(server_id, verb, who)
        await work
        await self.servers.actions.finish(who.request_id, server_id)

    def _agent(self, migration: Migration) -> ComputeAgent:
        return ComputeAgent.at(migration.source_host or "", self.kit.bus)

    async def _measured(self, migration: Migration) -> Migration:
        """With the hypervisor's figures, if it answers."""
        try:
            return replace(migration, progress=await self._agent(migration).progress(migration.server_id))
        except (HostUnreachable, CloudError):
            return migration
