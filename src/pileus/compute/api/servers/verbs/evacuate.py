"""`evacuate`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from pileus.compute.api.servers.bodies import Closed, Flag, Name
from pileus.compute.api.servers.values import boolean
from pileus.compute.api.servers.verbs import ServerAction
from pileus.core.errors import Invalid
from pileus.core.http import Reply, Request, since, until


class Evacuate(Closed):
    host: Name | None = None
    shared_storage: Annotated[Flag | None, until(2, 13)] = msgspec.field(name="onSharedStorage", default=None)
    admin_pass: Annotated[str, Meta(min_length=1)] | None = msgspec.field(name="adminPass", default=None)
    force: Annotated[Flag, since(2, 29), until(2, 67)] = False


async def evacuate(req: Request, server_id: str, body: Evacuate) -> Reply:
    if req.version < (2, 14):
        if body.shared_storage is None:
            raise Invalid("Invalid input for evacuate: 'onSharedStorage' is a required property")
        if boolean(body.shared_storage, "onSharedStorage"):
            raise Invalid("The hosts of this cloud share no storage.")
    forced = boolean(body.force, "force")
    if forced and body.host is None:
        raise Invalid("Can't force to a non-provided destination")
    password = body.admin_pass or req.services.compute.kit.ids.hex()[:12]
    await req.services.compute.evacuations.evacuate(
        server_id, req.who, host=body.host, forced=forced or (body.host is not None and req.version < (2, 29)), admin_pass=password,
        stop=req.version >= (2, 95))
    return Reply(200, {"adminPass": password} if req.version < (2, 14) else None)


ACTIONS = {"evacuate": ServerAction(run=evacuate, policy="os_compute_api:os-evacuate", body=Evacuate)}
