"""Copy a server's root disk into an image: `createImage`, and `createBackup`, which forgets the oldest ones.

The image exists, queued, when the saga begins. Whatever hinders it, a delete of the server included, takes the image away; a
delete of the image ends the saga.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus.compute.model.server import IMAGING
from pileus.compute.sagas.conductor import Conductor, unchanged
from pileus.core.context import CLOUD
from pileus.core.errors import NotFound
from pileus.core.saga import Saga, Step
from pileus.image.model import Wanted

#: The format of images made of servers: small, since what was never written takes no room.
FORMAT = "qcow2"


class TakeSnapshot(msgspec.Struct, kw_only=True):
    server_id: str
    request_id: str
    image_id: str
    backup_type: str | None = None
    rotation: int | None = None             # how many backups of that type are kept


async def take(s: TakeSnapshot, c: Conductor) -> None:
    """Have the host fill the image. Repeatable: an image that has its bytes is left as it is."""
    server = await c.server(s.server_id)
    if server is None or server.host is None:
        raise NotFound("The server was deleted in the meantime.")
    await c.servers.end_task(server.id, c.now(), "image_snapshot_pending", to="image_snapshot")
    await c.agent(server.host).snapshot(server.id, s.image_id, FORMAT)


async def forget_image(s: TakeSnapshot, c: Conductor) -> None:
    await c.images.snapshots.cancel(s.image_id)


async def rotate(s: TakeSnapshot, c: Conductor) -> None:
    """Delete the oldest backups of the server when there are more than wanted. Protected ones stay."""
    if s.rotation is None or s.backup_type is None:
        return
    for image in (await _backups(s, c))[s.rotation:]:
        if not image.protected:
            await c.images.snapshots.cancel(image.id)


async def _backups(s: TakeSnapshot, c: Conductor) -> list[Any]:
    """Newest first."""
    known = (("instance_uuid", s.server_id), ("image_type", "backup"), ("backup_type", s.backup_type or ""))
    return await c.images.page(CLOUD, Wanted(properties=known, visibility="all", member_status=None))


async def finish(s: TakeSnapshot, c: Conductor) -> None:
    await c.servers.end_task(s.server_id, c.now(), *IMAGING)
    await c.actions.finish(s.request_id, s.server_id)


TAKE_SNAPSHOT = Saga(name="server.snapshot", state=TakeSnapshot, failed=unchanged(*IMAGING), abortable=True, steps=[
    Step(take, undo=forget_image),
    Step(rotate),
    Step(finish),
])
