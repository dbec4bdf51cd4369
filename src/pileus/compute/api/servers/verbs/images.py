"""`createImage` and `createBackup`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from pileus.compute.api.servers.bodies import Closed, Metadata, Name, Value
from pileus.compute.api.servers.verbs import ServerAction
from pileus.core.http import Reply, Request

Count = Annotated[int, Meta(ge=0)] | Annotated[str, Meta(pattern=r"^[0-9]+$")]


class CreateImage(Closed):
    name: Name
    metadata: Metadata = {}


class CreateBackup(Closed):
    name: Name
    backup_type: Value                      # may be empty: `openstack server backup create` says nothing unless told
    rotation: Count
    metadata: Metadata = {}


async def create_image(req: Request, server_id: str, body: CreateImage) -> Reply:
    return _made(req, await req.services.compute.snapshots.create(server_id, req.who, name=body.name, metadata=body.metadata))


async def create_backup(req: Request, server_id: str, body: CreateBackup) -> Reply:
    rotation = int(body.rotation)
    image_id = await req.services.compute.snapshots.back_up(
        server_id, req.who, name=body.name, backup_type=body.backup_type, rotation=rotation, metadata=body.metadata)
    return _made(req, image_id) if rotation else Reply(202)


def _made(req: Request, image_id: str) -> Reply:
    """Where the image is: in a header, from 2.45 on as an id in the body."""
    if req.version >= (2, 45):
        return Reply(202, {"image_id": image_id})
    return Reply(202, None, {"location": f"{req.origin}/image/v2/images/{image_id}"})


ACTIONS = {
    "createImage": ServerAction(run=create_image, policy="os_compute_api:servers:create_image", body=CreateImage),
    "createBackup": ServerAction(run=create_backup, policy="os_compute_api:os-create-backup", body=CreateBackup),
}
