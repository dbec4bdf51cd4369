"""Shelve, offload, unshelve."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from pileus.compute.errors import HostNotFound, ServerInWrongState, ServerNotReady
from pileus.compute.model.server import SHELVED, SHELVED_OFFLOADED
from pileus.compute.sagas.shelve import OFFLOAD, SHELVE, Offload, Shelve
from pileus.compute.sagas.unshelve import UNSHELVE, Unshelve
from pileus.compute.service.servers import Servers
from pileus.compute.service.verbs.snapshots import Snapshots
from pileus.core.context import Context, on_its_own
from pileus.core.errors import Conflict, Invalid, NotFound


class Shelving:
    def __init__(self, servers: Servers, snapshots: Snapshots):
        self.servers, self.snapshots, self.kit = servers, snapshots, servers.kit

    async def shelve(self, server_id: str, who: Context) -> None:
        server = await self.servers.get(server_id, who)
        if server.host is None:
            raise ServerNotReady(id=server_id)
        image_id = self.kit.ids.uuid()
        async with self.servers.entering(server, "shelve", who):
            await self.snapshots.begin_image(image_id, server, who, f"{server.name}-shelved", {"image_type": "snapshot"})
            await self.kit.sagas.begin(SHELVE, server.id, Shelve(
                server_id=server.id, request_id=who.request_id, image_id=image_id, old_vm_state=server.vm_state))

    async def offload(self, server_id: str, who: Context) -> None:
        server = await self.servers.get(server_id, who)
        async with self.servers.entering(server, "shelveOffload", who):
            await self.kit.sagas.begin(OFFLOAD, server.id, Offload(server_id=server.id, request_id=who.request_id))

    async def offload_waiting(self, after: timedelta) -> int:
        """Offload what has been shelved for so long; how many those were."""
        count = 0
        for server in await self.servers.store.resting_since(SHELVED, self.kit.clock.now() - after):
            with suppress(ServerInWrongState, NotFound):       # its user was quicker; the others are offloaded all the same
                await self.offload(server.id, on_its_own(self.kit.ids.request()))
                count += 1
        return count

    async def unshelve(self, server_id: str, who: Context, *, zone: str | None = None, change_zone: bool = False,
                       host: str | None = None) -> None:
        """Begin; `change_zone` pins the server to `zone`, or unpins it. Raises Invalid, ServerInWrongState."""
        server = await self.servers.get(server_id, who)
        if (change_zone or host) and server.vm_state != SHELVED_OFFLOADED:
            raise ServerInWrongState(action="unshelve to a place of choice", id=server_id, attribute="vm_state", state=server.vm_state)
        hosts = self.servers.resources.hosts
        if zone is not None and zone not in await hosts.zones():
            raise Invalid("The requested availability zone is not available")
        if host is not None and host not in {known.host for known in await hosts.all()}:
            raise Invalid(str(HostNotFound(host=host)))
        pinned = zone if change_zone else server.pinned_zone
        if host is not None and pinned is not None and await hosts.zone_of(host) != pinned:
            raise Conflict(f"Host {host} is not in the availability zone {pinned} of the server.")
        async with self.servers.entering(server, "unshelve", who):
            await self.kit.sagas.begin(UNSHELVE, server.id, Unshelve(
                server_id=server.id, request_id=who.request_id, zone=zone, change_zone=change_zone, host=host))
