"""What becomes of a resized or migrated server: it is confirmed, and what it was is forgotten; or reverted to that.

A revert has nothing it could undo: what it goes back to is the safe side. If it fails, the server is an ERROR, both guests are kept,
and the revert can be ordered again.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.compute.hypervisor.base import GuestNotFound, Power
from pileus.compute.model.migration import Migration
from pileus.compute.model.server import ACTIVE, STOPPED, Server
from pileus.compute.sagas.conductor import Conductor
from pileus.compute.sagas.guest import end_guest, power_as
from pileus.compute.sagas.resize import settle, take_back
from pileus.core.errors import CloudError, NotFound
from pileus.core.saga import Saga, Step


class Resized(msgspec.Struct, kw_only=True):
    server_id: str
    request_id: str
    migration: str


# ---- confirm ---------------------------------------------------------------------------------------------------------
async def forget_old(s: Resized, c: Conductor) -> None:
    _, m = await _both(s, c)
    assert m.source_host is not None
    if m.same_host:
        await c.agent(m.source_host).confirm_resize(s.server_id)
    else:
        await end_guest(s.server_id, m.source_host, c)


async def release_old(s: Resized, c: Conductor) -> None:
    await c.moving.confirm(s.migration)


async def confirmed(s: Resized, c: Conductor) -> None:
    server, m = await _both(s, c)
    state = STOPPED if server.power_state == Power.SHUTDOWN else ACTIVE
    await c.servers.end_task(server.id, c.now(), "resize_confirming", vm_state=state)
    await c.migrations.update(m.uuid, c.now(), status="confirmed")
    await c.actions.finish(s.request_id, server.id)


async def not_confirmed(s: Resized, c: Conductor, error: CloudError) -> None:
    """It waits again to be confirmed."""
    await c.servers.end_task(s.server_id, c.now(), "resize_confirming", fault=c.fault(error))
    await c.migrations.enter(s.migration, c.now(), "finished", allowed={"confirming"})
    await c.actions.finish(s.request_id, s.server_id, error=str(error))


# ---- revert ----------------------------------------------------------------------------------------------------------
async def stop_new(s: Resized, c: Conductor) -> None:
    _, m = await _both(s, c)
    assert m.dest_host is not None
    try:
        await c.agent(m.dest_host).power(s.server_id, Power.SHUTDOWN, 0.0)
    except GuestNotFound:
        return                                         # an earlier try came this far


async def go_back(s: Resized, c: Conductor) -> None:
    server, m = await _both(s, c)
    assert m.source_host is not None
    await take_back(server, m, c)
    await settle(server, m.source_host, m.source_host_id, m.old_flavor, c)
    await c.moving.give_back(server, m.uuid)


async def start_old(s: Resized, c: Conductor) -> None:
    server, m = await _both(s, c)
    assert m.source_host is not None
    power = await power_as(server, m.old_vm_state, m.source_host, c)
    await c.servers.end_task(server.id, c.now(), "resize_reverting", vm_state=m.old_vm_state, power_state=int(power), fault=None)
    await c.migrations.update(m.uuid, c.now(), status="reverted")
    await c.actions.finish(s.request_id, server.id)


async def not_reverted(s: Resized, c: Conductor, error: CloudError) -> None:
    await c.servers.fail(s.server_id, c.now(), c.fault(error))
    await c.migrations.enter(s.migration, c.now(), "reverting", allowed={"reverted"})
    await c.actions.finish(s.request_id, s.server_id, error=str(error))


async def _both(s: Resized, c: Conductor) -> tuple[Server, Migration]:
    server, m = await c.server(s.server_id), await c.migrations.find(s.migration)
    if server is None or m is None:
        raise NotFound("The server was deleted in the meantime.")
    return server, m


CONFIRM_RESIZE = Saga(name="server.confirm_resize", state=Resized, failed=not_confirmed, steps=[
    Step(forget_old),
    Step(release_old),
    Step(confirmed),
])
REVERT_RESIZE = Saga(name="server.revert_resize", state=Resized, failed=not_reverted, steps=[
    Step(stop_new),
    Step(go_back),
    Step(start_old),
])
