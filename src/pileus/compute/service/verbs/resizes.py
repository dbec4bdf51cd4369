"""Resize, cold migration, and their confirmation or reversal."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pileus.compute.errors import HostNotFound, InvalidInput, ServerInWrongState, ServerNotReady
from pileus.compute.model import hardware
from pileus.compute.model.flavor import Flavor
from pileus.compute.model.migration import Migration, MigrationType
from pileus.compute.model.server import RESIZED, Server
from pileus.compute.sagas.guest import properties_of
from pileus.compute.sagas.resize import RESIZE, Resize
from pileus.compute.sagas.resized import CONFIRM_RESIZE, REVERT_RESIZE, Resized
from pileus.compute.service.servers import Servers
from pileus.core.context import Context, on_its_own
from pileus.core.errors import Invalid, NotFound


class Resizes:
    def __init__(self, servers: Servers):
        self.servers, self.kit, self.resources = servers, servers.kit, servers.resources
        self.migrations = servers.records.migrations

    async def resize(self, server_id: str, who: Context, *, flavor_id: str, disk_config: str | None) -> None:
        """Begin. Raises Invalid or ComputeOverQuota, and then nothing was changed."""
        server = await self.servers.get(server_id, who)
        flavor = await self._flavor(server, flavor_id, who)
        async with self.servers.entering(server, "resize", who):
            more = {"cores": max(0, flavor.vcpus - server.flavor.vcpus), "ram": max(0, flavor.memory_mb - server.flavor.memory_mb)}
            await self.resources.quotas.check(server.project_id, server.user_id, {k: v for k, v in more.items() if v})
            # The larger of both counts until one of them is gone.
            values: dict[str, Any] = {"vcpus": max(server.vcpus, flavor.vcpus), "memory_mb": max(server.memory_mb, flavor.memory_mb)}
            values |= {"disk_config": disk_config} if disk_config else {}
            await self.servers.store.update(server.id, self.kit.clock.now(), **values)
            await self._begin(server, flavor, "resize", who, None)

    async def migrate(self, server_id: str, who: Context, host: str | None) -> None:
        """Begin to move to another host, to a named one if the caller says so. Raises Invalid."""
        server = await self.servers.get(server_id, who)
        if host is not None:
            await self.check_destination(server, host)
        async with self.servers.entering(server, "resize", who, record="migrate"):
            await self._begin(server, server.flavor, "migration", who, host)

    async def confirm(self, server_id: str, who: Context) -> None:
        await self._end(server_id, who, "confirmResize", "confirming", CONFIRM_RESIZE, {"finished"})

    async def revert(self, server_id: str, who: Context) -> None:
        """Also one whose first revert failed."""
        await self._end(server_id, who, "revertResize", "reverting", REVERT_RESIZE, {"finished", "reverting"})

    async def confirm_waiting(self, window: timedelta) -> int:
        """Confirm what has waited for so long; how many those were."""
        count = 0
        for migration in await self.migrations.waiting(self.kit.clock.now() - window):
            server = await self.servers.store.find(migration.server_id)
            if server is not None and server.deleted_at is None and server.vm_state == RESIZED and server.task_state is None:
                await self.confirm(server.id, on_its_own(self.kit.ids.request()))
                count += 1
        return count

    async def check_destination(self, server: Server, host: str) -> None:
        """A host that somebody named must exist and be another one. Raises Invalid."""
        if host not in {known.host for known in await self.resources.hosts.all()}:
            raise Invalid(str(HostNotFound(host=host)))
        if host == server.host:
            raise Invalid(f"Cannot migrate to the host {host} where the server already is.")

    async def _flavor(self, server: Server, flavor_id: str, who: Context) -> Flavor:
        try:
            flavor = await self.resources.flavors.get(flavor_id, who)
        except NotFound as absent:
            raise InvalidInput(reason=f"Flavor {flavor_id} could not be found.") from absent
        if flavor.disabled:
            raise Invalid(f"Flavor {flavor_id} is disabled.")
        if flavor == server.flavor or flavor.id == server.flavor_id:
            raise Invalid("When resizing, instances must change flavor!")
        if flavor.root_gib < server.flavor.root_gib:
            raise Invalid("Unable to resize disk down.")
        hardware.properties(properties_of(server), flavor.extra_specs, flavor.vcpus, flavor.memory_mb)
        self.servers.scheduling.pci(flavor.extra_specs)
        return flavor

    async def _begin(self, server: Server, flavor: Flavor, kind: MigrationType, who: Context, host: str | None) -> None:
        if server.host is None:
            raise ServerNotReady(id=server.id)
        migration = await new_migration(server, flavor, kind, who, self.kit.ids.uuid(), self.kit.clock.now(), self.resources.hosts)
        await self.migrations.add(migration)
        await self.kit.sagas.begin(RESIZE, server.id, Resize(server_id=server.id, request_id=who.request_id, migration=migration.uuid,
                                                             destination=host))

    async def _end(self, server_id: str, who: Context, verb: str, status: str, saga: Any, allowed: set[str]) -> None:
        server = await self.servers.get(server_id, who)
        async with self.servers.entering(server, verb, who):
            migration = next(iter(await self.migrations.of_server(server_id, allowed)), None)
            if migration is None:
                raise ServerInWrongState(action=verb, id=server_id, attribute="vm_state", state=server.vm_state)
            await self.migrations.update(migration.uuid, self.kit.clock.now(), status=status)
            await self.kit.sagas.begin(saga, server_id, Resized(server_id=server_id, request_id=who.request_id, migration=migration.uuid))


async def new_migration(server: Server, flavor: Flavor, kind: MigrationType, who: Context, uuid: str, now: datetime,
                        hosts: Any) -> Migration:
    """The record of a move that begins, before a destination is known."""
    node = next((h.inventory.hypervisor_hostname for h in await hosts.all() if h.host == server.host), None)
    return Migration(
        uuid=uuid, server_id=server.id, project_id=server.project_id, user_id=who.user_id or "", type=kind, status="pre-migrating",
        source_host=server.host, source_host_id=server.host_id, source_node=node, old_flavor=server.flavor, new_flavor=flavor,
        old_vm_state=server.vm_state, created_at=now, updated_at=now)
