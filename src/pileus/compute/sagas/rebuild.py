"""Rebuild a server: a fresh disk of an image under the same id, with the same ports, addresses and host.

What was on the disk is lost with the second step, so there is nothing to undo: a rebuild that fails leaves an ERROR, from which
it can be ordered again.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.compute.errors import NoValidHost
from pileus.compute.hypervisor.base import Power
from pileus.compute.interface import Build, ImageRef
from pileus.compute.model.server import ACTIVE, STOPPED
from pileus.compute.sagas.conductor import Conductor
from pileus.compute.sagas.guest import guest_spec, host_of, in_task
from pileus.core.errors import CloudError
from pileus.core.saga import Saga, Step


class Rebuild(msgspec.Struct, kw_only=True):
    server_id: str
    request_id: str
    image: ImageRef
    admin_pass: str | None = None
    files: dict[str, bytes] = {}
    stopped: bool = False                   # it was off, and is off again afterwards
    old_image_id: str | None = None         # when the image is another one
    old_metadata: dict[str, str] = {}       # and the system metadata of that time


async def check_image(s: Rebuild, c: Conductor) -> None:
    """Another image may be one that its host must not have: then nothing is touched, and it has its old one."""
    server = await in_task(s.server_id, c, "rebuilding")
    if s.old_image_id is None:
        return
    try:
        await c.scheduling.admit_image(server)
    except NoValidHost:
        await c.servers.update(server.id, c.now(), image_id=s.old_image_id, system_metadata=s.old_metadata)
        raise


async def end_old(s: Rebuild, c: Conductor) -> None:
    server = await in_task(s.server_id, c, "rebuilding")
    await c.agent(host_of(server)).destroy(server.id)


async def start_new(s: Rebuild, c: Conductor) -> None:
    server = await in_task(s.server_id, c, "rebuilding")
    host = host_of(server)
    if server.nics:
        await c.network.wire(host)
    guest = await guest_spec(server, c, format=s.image.format, admin_pass=s.admin_pass, files=s.files)
    await c.agent(host).spawn(Build(guest=guest, image=s.image))
    if s.stopped:
        await c.agent(host).power(server.id, Power.SHUTDOWN, 0.0)


async def finish(s: Rebuild, c: Conductor) -> None:
    now = c.now()
    state, power = (STOPPED, Power.SHUTDOWN) if s.stopped else (ACTIVE, Power.RUNNING)
    await c.servers.end_task(s.server_id, now, "rebuilding", vm_state=state, power_state=int(power), launched_at=now, fault=None)
    await c.actions.finish(s.request_id, s.server_id)


async def failed(s: Rebuild, c: Conductor, error: CloudError) -> None:
    await c.servers.fail(s.server_id, c.now(), c.fault(error))
    await c.actions.finish(s.request_id, s.server_id, error=str(error))


REBUILD = Saga(name="server.rebuild", state=Rebuild, failed=failed, abortable=True, steps=[
    Step(check_image),
    Step(end_old),
    Step(start_new),
    Step(finish),
])
