"""Rebuilding a server from an image, its own or another."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus.compute.errors import NumaInvalid, ServerNotReady
from pileus.compute.model import hardware
from pileus.compute.model.numa import guest_cells
from pileus.compute.model.order import RebuildOrder
from pileus.compute.model.server import STOPPED, Server
from pileus.compute.sagas.guest import image_properties, image_ref, properties_of, remembered, wants_drive
from pileus.compute.sagas.rebuild import REBUILD, Rebuild
from pileus.compute.service.servers import Servers, check_fits
from pileus.core.context import Context


class Rebuilds:
    def __init__(self, servers: Servers):
        self.servers, self.kit = servers, servers.kit

    async def rebuild(self, server_id: str, who: Context, order: RebuildOrder) -> Server:
        """Begin; the row is what it will be at once. Raises Invalid for what cannot be, and then nothing was changed."""
        server = await self.servers.get(server_id, who)
        if server.host is None:
            raise ServerNotReady(id=server_id)
        image = await self.servers.image(who, order.image_id)
        self.servers.check_disk(who, server.flavor)
        check_fits(image, server.flavor)
        self._check_cells(server, image_properties(image))
        hardware.properties(image_properties(image), server.flavor.extra_specs, server.flavor.vcpus, server.flavor.memory_mb)
        changes = order.changes | await self._key(server, order)
        if "metadata" in changes:
            await self.servers.check_metadata(who, changes["metadata"])
        await self.servers.check_files(who, order.files)
        if wants_drive(image):
            changes["config_drive"] = True
        kept = {k: v for k, v in server.system_metadata.items() if not k.startswith("image_")}
        async with self.servers.entering(server, "rebuild", who):
            await self.servers.store.update(server.id, self.kit.clock.now(), image_id=image.id, system_metadata=kept | remembered(image),
                                            progress=0, **changes)
            await self.kit.sagas.begin(REBUILD, server.id, Rebuild(
                server_id=server.id, request_id=who.request_id, image=image_ref(image), admin_pass=order.admin_pass, files=order.files,
                stopped=server.vm_state == STOPPED, old_image_id=server.image_id if server.image_id != image.id else None,
                old_metadata=server.system_metadata))
        return await self.servers.get(server_id, who)

    def _check_cells(self, server: Server, wanted: dict[str, str]) -> None:
        """Where on its host a server is stays as it is. Raises Invalid for an image that asks for another place."""
        flavor = server.flavor
        now, then = (guest_cells(flavor.vcpus, flavor.memory_mb, flavor.extra_specs, properties)
                     for properties in (properties_of(server), wanted))
        if now != then:
            raise NumaInvalid(why="The image's NUMA topology is not the server's: a rebuild cannot change it.")

    async def _key(self, server: Server, order: RebuildOrder) -> dict[str, Any]:
        if order.key_name is msgspec.UNSET:
            return {}
        key = await self.servers.key(server.user_id, order.key_name)
        return {"key_name": order.key_name, "public_key": key.public_key if key else None}
