"""Evacuate: a server whose host is down is built anew on another one, from its image, with its ports and addresses.

What was on its disk is not there, unless an administrator says that hosts share their disks and the destination finds it: then the
guest is started from it. The guest it left behind is destroyed when its host is back (its audit sees
that the server is elsewhere).
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.compute.errors import StorageNotShared
from pileus.compute.hypervisor.base import Power
from pileus.compute.interface import Build, ImageRef
from pileus.compute.model.migration import Migration
from pileus.compute.model.server import ACTIVE, STOPPED, Server
from pileus.compute.sagas.conductor import Conductor
from pileus.compute.sagas.guest import assign_ports, bind_ports, end_guest, guest_spec, in_task
from pileus.compute.sagas.resize import settle
from pileus.core.errors import CloudError, NotFound
from pileus.core.saga import Saga, Step


class Evacuate(msgspec.Struct, kw_only=True):
    server_id: str
    request_id: str
    migration: str
    image: ImageRef
    admin_pass: str | None
    stopped: bool                           # it is off afterwards
    destination: str | None = None
    forced: bool = False
    shared: bool = False                    # its disk is said to be in reach of the destination: it is kept
    superseded: list[str] = []              # moves that its host was in the middle of: they are given up


async def choose(s: Evacuate, c: Conductor) -> None:
    server, m = await _moving(s, c)
    choices = await c.scheduling.rank(server, ignore=frozenset({m.source_host or ""}), force_host=s.destination if s.forced else None,
                                      destination=None if s.forced else s.destination)
    chosen = await c.moving.hold(server, m.uuid, choices)
    node = next((h.inventory.hypervisor_hostname for h in await c.scheduling.hosts.all() if h.host == chosen.host), None)
    await c.migrations.update(m.uuid, c.now(), status="pre-migrating", dest_host=chosen.host, dest_host_id=chosen.id, dest_node=node)


async def give_back(s: Evacuate, c: Conductor) -> None:
    server, m = await c.server(s.server_id), await c.migrations.find(s.migration)
    if server is not None and m is not None and m.status != "done":
        await c.moving.give_back(server, s.migration)


async def build(s: Evacuate, c: Conductor) -> None:
    server, m = await _moving(s, c)
    assert m.dest_host is not None
    await bind_ports(server, m.dest_host, c)
    if s.shared and not any(guest.id == server.id for guest in await c.agent(m.dest_host).guests()):
        raise StorageNotShared()
    guest = await guest_spec(server, c, format=s.image.format, admin_pass=s.admin_pass)
    await c.agent(m.dest_host).spawn(Build(guest=guest, image=s.image))
    if s.stopped:
        await c.agent(m.dest_host).power(server.id, Power.SHUTDOWN, 0.0)


async def end_new(s: Evacuate, c: Conductor) -> None:
    server, m = await c.server(s.server_id), await c.migrations.find(s.migration)
    if server is None or m is None or m.dest_host is None or m.status == "done":
        return
    await end_guest(server.id, m.dest_host, c)
    await assign_ports(server, m.source_host or "", c)


async def finish(s: Evacuate, c: Conductor) -> None:
    """From now on it is on the destination, and its old place is free."""
    server, m = await c.server(s.server_id), await c.migrations.find(s.migration)
    if server is None or m is None or m.dest_host is None:
        return
    state, power = (STOPPED, Power.SHUTDOWN) if s.stopped else (ACTIVE, Power.RUNNING)
    await settle(server, m.dest_host, m.dest_host_id, m.new_flavor, c)
    await c.migrations.update(m.uuid, c.now(), status="done")
    for migration in (m.uuid, *s.superseded):
        await c.moving.confirm(migration)
    await c.servers.end_task(server.id, c.now(), "rebuilding", vm_state=state, power_state=int(power), launched_at=c.now(), fault=None)
    await c.actions.finish(s.request_id, server.id)


async def failed(s: Evacuate, c: Conductor, error: CloudError) -> None:
    """An ERROR on its old host, from which it can be evacuated again."""
    if await c.migrations.enter(s.migration, c.now(), "failed", allowed={"accepted", "pre-migrating"}):
        await c.servers.fail(s.server_id, c.now(), c.fault(error))
    await c.actions.finish(s.request_id, s.server_id, error=str(error))


async def _moving(s: Evacuate, c: Conductor) -> tuple[Server, Migration]:
    server, m = await in_task(s.server_id, c, "rebuilding"), await c.migrations.find(s.migration)
    if m is None:
        raise NotFound("The migration is gone.")
    return server, m


EVACUATE = Saga(name="server.evacuate", state=Evacuate, failed=failed, abortable=True, steps=[
    Step(choose, undo=give_back),
    Step(build, undo=end_new),
    Step(finish),
])
