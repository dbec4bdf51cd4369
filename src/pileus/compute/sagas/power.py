"""Start, stop, pause, unpause, suspend, resume, reboot, soft delete, restore: one order to the host, then the server's new state."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.compute.hypervisor.base import GuestNotFound
from pileus.compute.model.server import ACTIONS, ERROR, Server
from pileus.compute.sagas.conductor import Conductor
from pileus.compute.sagas.guest import shutdown_s
from pileus.core.errors import CloudError, Conflict
from pileus.core.saga import Saga, Step


class ChangePower(msgspec.Struct, kw_only=True):
    server_id: str
    request_id: str
    action: str                             # a key of ACTIONS


async def order(s: ChangePower, c: Conductor) -> None:
    """Have the host do it. Repeatable: a guest that is there already stays there (a reboot happens twice)."""
    server = await c.server(s.server_id)
    if server is None:
        return
    if server.host is None:
        raise Conflict("The server is on no host.")
    action, agent = ACTIONS[s.action], c.agent(server.host)
    if server.nics and s.action in ("start", "resume", "reboot_hard", "restore"):
        await c.network.wire(server.host)
    if action.power is not None:
        state = await agent.power(server.id, action.power, shutdown_s(server) if s.action == "stop" else 0.0)
    else:
        state = await agent.reboot(server.id, s.action == "reboot_hard")
    now = c.now()
    await c.servers.end_task(server.id, now, action.task, vm_state=action.then, power_state=int(state.power), fault=None)
    await c.actions.finish(s.request_id, server.id)


async def failed(s: ChangePower, c: Conductor, error: CloudError) -> None:
    """Back to what it was, with the reason in the server's fault; ERROR when the guest is not there any more."""
    server: Server | None = await c.server(s.server_id)
    if server is not None:
        state = ERROR if isinstance(error, GuestNotFound) else server.vm_state
        await c.servers.end_task(server.id, c.now(), ACTIONS[s.action].task, vm_state=state, fault=c.fault(error))
    await c.actions.finish(s.request_id, s.server_id, error=str(error))


CHANGE_POWER = Saga(name="server.power", state=ChangePower, failed=failed, abortable=True, steps=[Step(order)])
