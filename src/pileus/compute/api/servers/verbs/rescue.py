"""`rescue` and `unrescue`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pileus.compute.api.fields import UUID_PATTERN
from pileus.compute.api.servers.bodies import Closed
from pileus.compute.api.servers.values import given
from pileus.compute.api.servers.verbs import ServerAction
from pileus.core.http import Reply, Request


class Rescue(Closed):
    admin_pass: str = msgspec.field(name="adminPass", default="")
    image: Annotated[str, Meta(pattern=UUID_PATTERN)] | UnsetType = msgspec.field(name="rescue_image_ref", default=UNSET)


async def rescue(req: Request, server_id: str, body: Rescue | None) -> Reply:
    wanted = body or Rescue()
    password = wanted.admin_pass or req.services.compute.kit.ids.hex()[:12]
    await req.services.compute.rescues.rescue(server_id, req.who, image_id=given(wanted.image), admin_pass=password)
    return Reply(200, {"adminPass": password})


async def unrescue(req: Request, server_id: str) -> None:
    await req.services.compute.rescues.unrescue(server_id, req.who)


ACTIONS = {
    "rescue": ServerAction(run=rescue, policy="os_compute_api:os-rescue", body=Rescue | None),
    "unrescue": ServerAction(run=unrescue, policy="os_compute_api:os-unrescue"),
}
