"""Evacuating servers from a host that is down."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from msgspec.structs import replace

from pileus.compute.errors import HostStillUp, InvalidInput, ServerNotReady
from pileus.compute.model.order import EvacuationOrder
from pileus.compute.model.server import STOPPED
from pileus.compute.sagas.evacuate import EVACUATE, Evacuate
from pileus.compute.sagas.guest import image_ref
from pileus.compute.service.servers import Servers
from pileus.compute.service.verbs.resizes import Resizes, new_migration
from pileus.core.context import EVERYONE, Context
from pileus.core.errors import NotFound


class Evacuations:
    def __init__(self, servers: Servers, resizes: Resizes):
        self.servers, self.kit, self.resizes = servers, servers.kit, resizes

    async def evacuate(self, server_id: str, who: Context, order: EvacuationOrder) -> None:
        """Begin to bring it up on another host. Raises HostStillUp, Invalid."""
        server = await self.servers.get(server_id, who)
        if server.host is None:
            raise ServerNotReady(id=server_id)
        if order.host is not None:
            await self.resizes.check_destination(server, order.host)
        hosts, now = self.servers.resources.hosts, self.kit.clock.now()
        if any(h.host == server.host and not h.forced_down and hosts.is_up(h, now) for h in await hosts.all()):
            raise HostStillUp(host=server.host)
        try:
            image = await self.servers.images.get(server.image_id, EVERYONE)
        except NotFound as gone:
            raise InvalidInput(reason=f"Image {server.image_id} of the server could not be found.") from gone
        async with self.servers.entering(server, "evacuate", who):
            migration = replace(await new_migration(server, server.flavor, "evacuation", who, self.kit.ids.uuid(), now, hosts),
                                status="accepted")
            superseded = await self._give_up_moves(server.id)
            await self.servers.records.migrations.add(migration)
            await self.kit.sagas.begin(EVACUATE, server.id, Evacuate(
                server_id=server.id, request_id=who.request_id, migration=migration.uuid, image=image_ref(image),
                admin_pass=order.admin_pass, stopped=order.stop or server.vm_state == STOPPED, destination=order.host,
                forced=order.forced, shared=order.shared, superseded=superseded))

    async def _give_up_moves(self, server_id: str) -> list[str]:
        """Moves that the lost host was in the middle of have nothing to go back to: their sagas find that out and end."""
        migrations = self.servers.records.migrations
        found = [m.uuid for m in await migrations.of_server(server_id)]
        for uuid in found:
            await migrations.update(uuid, self.kit.clock.now(), status="error")
        return found
