"""`rescue` and `unrescue`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from pileus.compute.api.servers.bodies import Closed
from pileus.compute.api.servers.verbs import ServerAction
from pileus.core.http import Reply, Request


class Rescue(Closed):
    admin_pass: Annotated[str, Meta(min_length=1)] | None = msgspec.field(name="adminPass", default=None)
    image: Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$")] | None = msgspec.field(
        name="rescue_image_ref", default=None)


async def rescue(req: Request, server_id: str, body: Rescue | None) -> Reply:
    wanted = body or Rescue()
    password = wanted.admin_pass or req.services.compute.kit.ids.hex()[:12]
    await req.services.compute.rescues.rescue(server_id, req.who, image_id=wanted.image, admin_pass=password)
    return Reply(200, {"adminPass": password})


async def unrescue(req: Request, server_id: str) -> None:
    await req.services.compute.rescues.unrescue(server_id, req.who)


ACTIONS = {
    "rescue": ServerAction(run=rescue, policy="os_compute_api:os-rescue", body=Rescue | None),
    "unrescue": ServerAction(run=unrescue, policy="os_compute_api:os-unrescue"),
}
