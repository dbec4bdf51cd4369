"""Shelve a server: its disk goes into an image; offload it: its host forgets it, and only image, ports and row remain.

Once a server is marked as shelved or offloaded there is no way back but to unshelve it: what the marking promised is not undone.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.compute.hypervisor.base import Power
from pileus.compute.model.server import ACTIVE, SHELVED, SHELVED_OFFLOADED
from pileus.compute.sagas.conductor import Conductor, unchanged
from pileus.compute.sagas.guest import assign_ports, end_guest, host_of, in_task, power_again, shutdown_s
from pileus.compute.sagas.snapshot import FORMAT
from pileus.core.clock import iso
from pileus.core.saga import Saga, Step

#: Where a shelved server remembers its image, in its system metadata.
IMAGE_KEY, AT_KEY, HOST_KEY = "shelved_image_id", "shelved_at", "shelved_host"


class Shelve(msgspec.Struct, kw_only=True):
    server_id: str
    request_id: str
    image_id: str
    old_vm_state: str


class Offload(msgspec.Struct, kw_only=True):
    server_id: str
    request_id: str


async def stop(s: Shelve, c: Conductor) -> None:
    server = await in_task(s.server_id, c, "shelving")
    await c.agent(host_of(server)).power(server.id, Power.SHUTDOWN, shutdown_s(server) if s.old_vm_state == ACTIVE else 0.0)


async def take_back(s: Shelve, c: Conductor) -> None:
    """It runs as before and has no image, unless it is shelved for good."""
    server = await c.server(s.server_id)
    if server is not None and server.system_metadata.get(IMAGE_KEY) == s.image_id:
        return
    await c.images.snapshots.cancel(s.image_id)
    if server is not None and server.host is not None:
        await power_again(server, s.old_vm_state, server.host, c)


async def copy(s: Shelve, c: Conductor) -> None:
    server = await in_task(s.server_id, c, "shelving")
    await c.agent(host_of(server)).snapshot(server.id, s.image_id, FORMAT)


async def shelved(s: Shelve, c: Conductor) -> None:
    """SHELVED; and on to be offloaded, when that is to be done at once."""
    async with c.kit.db.transaction():
        server = await c.server(s.server_id)
        if server is None:
            return
        known = {IMAGE_KEY: s.image_id, AT_KEY: iso(c.now()), HOST_KEY: server.host or ""}
        at_once = c.config.shelved_offload_time_s == 0
        ended = await c.servers.end_task(
            server.id, c.now(), "shelving", to="shelving_offloading" if at_once else None, vm_state=SHELVED, fault=None,
            power_state=int(Power.SHUTDOWN), system_metadata=server.system_metadata | known)
        if ended and at_once:
            await c.kit.sagas.begin(OFFLOAD, server.id, Offload(server_id=server.id, request_id=""))
        await c.actions.finish(s.request_id, server.id)


# ---- offload ---------------------------------------------------------------------------------------------------------
async def end_it(s: Offload, c: Conductor) -> None:
    server = await in_task(s.server_id, c, "shelving_offloading")
    if server.host is not None:
        await end_guest(server.id, server.host, c)
        await assign_ports(server, "", c)


async def offloaded(s: Offload, c: Conductor) -> None:
    server = await c.server(s.server_id)
    if server is None:
        return
    await c.scheduling.release(server)
    await c.servers.end_task(server.id, c.now(), "shelving_offloading", vm_state=SHELVED_OFFLOADED, power_state=int(Power.NOSTATE),
                             host=None, host_id=None, availability_zone=server.pinned_zone)
    await c.actions.finish(s.request_id, server.id)


SHELVE = Saga(name="server.shelve", state=Shelve, failed=unchanged("shelving"), abortable=True, steps=[
    Step(stop, undo=take_back),
    Step(copy),
    Step(shelved),
])
# It can be ordered again, and is, when that is to happen by itself.
OFFLOAD = Saga(name="server.offload", state=Offload, failed=unchanged("shelving_offloading"), steps=[
    Step(end_it),
    Step(offloaded),
])
