"""`evacuate`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from pileus.compute.api.servers.bodies import Closed, Flag, Name
from pileus.compute.api.servers.values import boolean, given
from pileus.compute.api.servers.verbs import ServerAction
from pileus.compute.model.order import EvacuationOrder
from pileus.core.errors import Invalid
from pileus.core.http import Reply, Request, since, until


class Evacuate(Closed):
    host: Name | None = None
    shared_storage: Annotated[Flag | UnsetType, until(2, 13)] = msgspec.field(name="onSharedStorage", default=UNSET)
    admin_pass: str | UnsetType = msgspec.field(name="adminPass", default=UNSET)
    force: Annotated[Flag, since(2, 29), until(2, 67)] = False


async def evacuate(req: Request, server_id: str, body: Evacuate) -> Reply:
    shared = _shared(req, body)
    forced = boolean(body.force, "force")
    if forced and body.host is None:
        raise Invalid("Can't force to a non-provided destination")
    password = None if shared else given(body.admin_pass) or req.services.compute.kit.ids.hex()[:12]
    await req.services.compute.evacuations.evacuate(server_id, req.who, EvacuationOrder(
        host=body.host, forced=forced or (body.host is not None and req.version < (2, 29)), admin_pass=password, shared=shared,
        stop=req.version >= (2, 95)))
    return Reply(200, {"adminPass": password} if req.version < (2, 14) else None)


def _shared(req: Request, body: Evacuate) -> bool:
    """Before 2.14 the administrator had to say whether the server's disk is in reach of the other hosts."""
    if req.version >= (2, 14):
        return False
    if body.shared_storage is UNSET:
        raise Invalid("Invalid input for evacuate: 'onSharedStorage' is a required property")
    shared = boolean(body.shared_storage, "onSharedStorage")
    if shared and body.admin_pass is not UNSET:
        raise Invalid("admin password can't be changed on existing disk")
    return shared


ACTIONS = {"evacuate": ServerAction(run=evacuate, policy="os_compute_api:os-evacuate", body=Evacuate)}
