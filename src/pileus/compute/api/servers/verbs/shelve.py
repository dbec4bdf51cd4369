"""`shelve`, `shelveOffload`, `unshelve`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from pileus.compute.api.servers.bodies import Closed, Name
from pileus.compute.api.servers.values import given
from pileus.compute.api.servers.verbs import ServerAction, decoded
from pileus.core.errors import Invalid
from pileus.core.http import Request, since


class Unshelve(Closed):
    zone: Annotated[Name | UnsetType | None, since(2, 77)] = msgspec.field(name="availability_zone", default=UNSET)
    host: Annotated[Name | UnsetType, since(2, 91)] = UNSET


async def shelve(req: Request, server_id: str) -> None:
    await req.services.compute.shelving.shelve(server_id, req.who)


async def offload(req: Request, server_id: str) -> None:
    await req.services.compute.shelving.offload(server_id, req.who)


async def unshelve(req: Request, server_id: str, body: Any) -> None:
    wanted = _wanted(body, req)
    host = given(wanted.host)
    if host is not None:
        req.enforce("os_compute_api:os-shelve:unshelve_to_host")
    change = wanted.zone is not UNSET
    await req.services.compute.shelving.unshelve(server_id, req.who, zone=wanted.zone if change else None, change_zone=change,
                                                 host=host)


def _wanted(body: Any, req: Request) -> Unshelve:
    """Before 2.77 whatever the body said was ignored; from then on it is null, or says where to. Before 2.91 null is no zone."""
    if req.version < (2, 77) or body is None:
        return Unshelve()
    wanted = decoded("unshelve", body, Unshelve, req)
    if req.version < (2, 91) and not given(wanted.zone):
        raise Invalid("Invalid input for unshelve: an availability zone is required.")
    return wanted


ACTIONS = {
    "shelve": ServerAction(run=shelve, policy="os_compute_api:os-shelve:shelve"),
    "shelveOffload": ServerAction(run=offload, policy="os_compute_api:os-shelve:shelve_offload"),
    "unshelve": ServerAction(run=unshelve, policy="os_compute_api:os-shelve:unshelve", body=Any),
}
