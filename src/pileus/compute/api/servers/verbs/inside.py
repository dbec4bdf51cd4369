"""`changePassword` and `trigger_crash_dump`: orders to what is inside the guest."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus.compute.api.servers.bodies import Closed
from pileus.compute.api.servers.verbs import ServerAction
from pileus.core.errors import Invalid
from pileus.core.http import Request


class ChangePassword(Closed):
    admin_pass: str = msgspec.field(name="adminPass")


async def change_password(req: Request, server_id: str, body: ChangePassword) -> None:
    await req.services.compute.insides.set_password(server_id, req.who, body.admin_pass)


async def trigger_crash_dump(req: Request, server_id: str, body: Any) -> None:
    if body is not None:
        raise Invalid("Invalid input for trigger_crash_dump: it takes no value.")
    await req.services.compute.insides.crash(server_id, req.who)


ACTIONS = {
    "changePassword": ServerAction(run=change_password, policy="os_compute_api:os-admin-password", body=ChangePassword),
    "trigger_crash_dump": ServerAction(run=trigger_crash_dump, policy="os_compute_api:servers:trigger_crash_dump", body=Any, first=(2, 17)),
}
