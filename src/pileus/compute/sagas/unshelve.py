"""Unshelve: a server that kept its host is started; one that was offloaded is placed anew and built from its image.

When it is ACTIVE the image is forgotten, and nothing is undone any more.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec
from msgspec.structs import replace

from pileus.compute.hypervisor.base import Power
from pileus.compute.interface import Build
from pileus.compute.model.server import ACTIVE, SHELVED, SHELVED_OFFLOADED, STOPPED, Server
from pileus.compute.sagas.conductor import Conductor, unchanged
from pileus.compute.sagas.guest import assign_ports, bind_ports, end_guest, guest_spec, host_of, image_ref, in_task, power_again
from pileus.compute.sagas.shelve import AT_KEY, HOST_KEY, IMAGE_KEY
from pileus.core.context import EVERYONE
from pileus.core.saga import Saga, Step


class Unshelve(msgspec.Struct, kw_only=True):
    server_id: str
    request_id: str
    zone: str | None = None                 # where it is to go, if that was said; it stays there
    change_zone: bool = False
    host: str | None = None
    image_id: str | None = None             # what it was built from, or could have been


async def place(s: Unshelve, c: Conductor) -> None:
    server = await in_task(s.server_id, c, "unshelving")
    if server.vm_state == SHELVED:
        return
    wanted = replace(server, pinned_zone=s.zone) if s.change_zone else server
    chosen = await c.scheduling.claim(wanted, await c.scheduling.rank(wanted, destination=s.host))
    zone = await c.scheduling.hosts.zone_of(chosen.host)
    await c.servers.update(server.id, c.now(), host=chosen.host, host_id=chosen.id, availability_zone=zone)


async def unplace(s: Unshelve, c: Conductor) -> None:
    server = await _still_offloaded(s, c)
    if server is not None:
        await c.scheduling.release(server)
        await c.servers.update(server.id, c.now(), host=None, host_id=None, availability_zone=server.pinned_zone)


async def build(s: Unshelve, c: Conductor) -> None:
    server = await in_task(s.server_id, c, "unshelving")
    host = host_of(server)
    s.image_id = server.system_metadata.get(IMAGE_KEY)
    await bind_ports(server, host, c)
    if server.vm_state == SHELVED:
        await c.agent(host).power(server.id, Power.RUNNING, 0.0)
        return
    image = image_ref(await c.images.get(s.image_id or "", EVERYONE))
    await c.agent(host).spawn(Build(guest=await guest_spec(server, c, format=image.format), image=image))


async def end_it(s: Unshelve, c: Conductor) -> None:
    server = await c.server(s.server_id)
    if server is not None and server.host is not None and server.vm_state == SHELVED_OFFLOADED:
        await end_guest(server.id, server.host, c)
        await assign_ports(server, "", c)
    elif server is not None and server.host is not None and server.vm_state == SHELVED:
        await power_again(server, STOPPED, server.host, c)


async def unshelved(s: Unshelve, c: Conductor) -> None:
    server = await c.server(s.server_id)
    if server is None:
        return
    known = {k: v for k, v in server.system_metadata.items() if k not in (IMAGE_KEY, AT_KEY, HOST_KEY)}
    pinned = {"pinned_zone": s.zone} if s.change_zone else {}
    await c.servers.end_task(server.id, c.now(), "unshelving", vm_state=ACTIVE, power_state=int(Power.RUNNING), launched_at=c.now(),
                             fault=None, system_metadata=known, **pinned)
    if s.image_id is not None:
        await c.images.snapshots.cancel(s.image_id)
    await c.actions.finish(s.request_id, server.id)


async def _still_offloaded(s: Unshelve, c: Conductor) -> Server | None:
    server = await c.server(s.server_id)
    return server if server is not None and server.vm_state == SHELVED_OFFLOADED else None


UNSHELVE = Saga(name="server.unshelve", state=Unshelve, failed=unchanged("unshelving"), abortable=True, steps=[
    Step(place, undo=unplace),
    Step(build, undo=end_it),
    Step(unshelved),
])
