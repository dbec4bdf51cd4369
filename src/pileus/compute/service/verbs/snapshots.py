"""Images made of servers: `createImage` and `createBackup`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.compute.model.server import Server
from pileus.compute.sagas.snapshot import FORMAT, TAKE_SNAPSHOT, TakeSnapshot
from pileus.compute.service.servers import Servers
from pileus.core.context import EVERYONE, Context
from pileus.core.errors import NotFound


class Snapshots:
    def __init__(self, servers: Servers):
        self.servers, self.kit, self.images = servers, servers.kit, servers.images

    async def create(self, server_id: str, who: Context, *, name: str, metadata: dict[str, str]) -> str:
        """Begin to copy the server's disk into a new image; returns the image's id, which can be looked at from now on."""
        return await self._begin(server_id, who, "createImage", name, {"image_type": "snapshot"} | metadata, {})

    async def back_up(self, server_id: str, who: Context, *, name: str, backup_type: str, rotation: int, metadata: dict[str, str]) -> str:
        """The same, and of the backups of that type only the newest `rotation` are kept."""
        return await self._begin(server_id, who, "createBackup", name, metadata | {"image_type": "backup", "backup_type": backup_type},
                                 {"backup_type": backup_type, "rotation": rotation})

    async def _begin(self, server_id: str, who: Context, verb: str, name: str, metadata: dict[str, str], more: dict[str, Any]) -> str:
        server = await self.servers.get(server_id, who)
        await self.servers.check_metadata(who, metadata)
        image_id = self.kit.ids.uuid()
        async with self.servers.entering(server, verb, who):
            await self.begin_image(image_id, server, who, name, metadata)
            await self.kit.sagas.begin(TAKE_SNAPSHOT, server.id, TakeSnapshot(
                server_id=server.id, request_id=who.request_id, image_id=image_id, **more))
        return image_id

    async def begin_image(self, image_id: str, server: Server, who: Context, name: str, metadata: dict[str, str]) -> None:
        """The queued image, with what Nova writes on it."""
        properties = {"instance_uuid": server.id, "user_id": who.user_id or "", "owner_id": server.project_id,
                      "owner_user_name": who.user_name, "owner_project_name": who.project_name, "image_location": "snapshot",
                      "image_state": "available", "boot_roles": ",".join(sorted(who.roles))}
        min_disk, min_ram = await self._least(server)
        await self.images.snapshots.begin(
            image_id, name=name, owner=server.project_id, disk_format=FORMAT, base=server.image_id, properties=properties | metadata,
            min_disk=min_disk, min_ram=min_ram)

    async def _least(self, server: Server) -> tuple[int, int]:
        """Disk and memory that a server made of the image needs: the disk cannot shrink; the memory is the old image's word."""
        try:
            base = await self.images.get(server.image_id, EVERYONE)
        except NotFound:
            return server.flavor.root_gib, 0
        return max(server.flavor.root_gib, base.min_disk), base.min_ram
