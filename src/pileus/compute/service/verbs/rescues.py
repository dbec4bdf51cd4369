"""Rescue and unrescue."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.compute.errors import InvalidInput
from pileus.compute.sagas.guest import image_properties, image_ref
from pileus.compute.sagas.rescue import RESCUE, UNRESCUE, RescueServer, UnrescueServer
from pileus.compute.service.servers import Servers
from pileus.core.context import Context


class Rescues:
    def __init__(self, servers: Servers):
        self.servers, self.kit = servers, servers.kit

    async def rescue(self, server_id: str, who: Context, *, image_id: str | None, admin_pass: str) -> None:
        """Begin to boot from the image, or from the server's own. Raises InvalidInput for one that is not there."""
        server = await self.servers.get(server_id, who)
        wanted = image_id or server.image_id
        if wanted is None:
            raise InvalidInput(reason="The server has no image; name one to rescue it with.")
        image = await self.servers.image(who, wanted)
        async with self.servers.entering(server, "rescue", who):
            await self.kit.sagas.begin(RESCUE, server.id, RescueServer(
                server_id=server.id, request_id=who.request_id, image=image_ref(image), properties=image_properties(image),
                admin_pass=admin_pass, old_vm_state=server.vm_state))

    async def unrescue(self, server_id: str, who: Context) -> None:
        server = await self.servers.get(server_id, who)
        async with self.servers.entering(server, "unrescue", who):
            await self.kit.sagas.begin(UNRESCUE, server.id, UnrescueServer(server_id=server.id, request_id=who.request_id))
