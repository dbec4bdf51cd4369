"""Rescue: a server boots from another image, with its own disk as a second one, until it is unrescued."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.compute.hypervisor.base import GuestNotFound, Power, RescueSpec, RootDisk
from pileus.compute.interface import ImageRef, Rescue
from pileus.compute.model.server import ACTIVE, RESCUED
from pileus.compute.sagas.conductor import Conductor, unchanged
from pileus.compute.sagas.guest import guest_spec, host_of, in_task, power_again
from pileus.core.saga import Saga, Step


class RescueServer(msgspec.Struct, kw_only=True):
    server_id: str
    request_id: str
    image: ImageRef
    properties: dict[str, str]              # of the rescue image
    admin_pass: str
    old_vm_state: str


class UnrescueServer(msgspec.Struct, kw_only=True):
    server_id: str
    request_id: str


async def rescue(s: RescueServer, c: Conductor) -> None:
    server = await in_task(s.server_id, c, "rescuing")
    guest = await guest_spec(server, c, admin_pass=s.admin_pass)
    stable = bool({"hw_rescue_bus", "hw_rescue_device"} & s.properties.keys())
    bus = s.properties.get("hw_rescue_bus") or s.properties.get("hw_disk_bus") or guest.root.bus
    root = RootDisk(base="", format=s.image.format, bus=bus, kernel_args=s.properties.get("os_command_line", ""))
    spec = RescueSpec(root=root, stable=stable, device=s.properties.get("hw_rescue_device", "disk"), config_drive=guest.config_drive)
    await c.agent(host_of(server)).rescue(Rescue(guest_id=server.id, spec=spec, image=s.image))


async def back_again(s: RescueServer, c: Conductor) -> None:
    """What it was, unless it is rescued for good."""
    server = await c.server(s.server_id)
    if server is None or server.host is None or server.vm_state == RESCUED:
        return
    try:
        await c.agent(server.host).unrescue(server.id)
    except GuestNotFound:
        return
    await power_again(server, s.old_vm_state, server.host, c)


async def rescued(s: RescueServer, c: Conductor) -> None:
    now = c.now()
    await c.servers.end_task(s.server_id, now, "rescuing", vm_state=RESCUED, power_state=int(Power.RUNNING), launched_at=now, fault=None)
    await c.actions.finish(s.request_id, s.server_id)


async def unrescue(s: UnrescueServer, c: Conductor) -> None:
    server = await in_task(s.server_id, c, "unrescuing")
    await c.agent(host_of(server)).unrescue(server.id)


async def unrescued(s: UnrescueServer, c: Conductor) -> None:
    await c.servers.end_task(s.server_id, c.now(), "unrescuing", vm_state=ACTIVE, power_state=int(Power.RUNNING), fault=None)
    await c.actions.finish(s.request_id, s.server_id)


RESCUE = Saga(name="server.rescue", state=RescueServer, failed=unchanged("rescuing"), abortable=True, steps=[
    Step(rescue, undo=back_again),
    Step(rescued),
])
# It stays rescued, as far as anybody knows, and can be ordered again.
UNRESCUE = Saga(name="server.unrescue", state=UnrescueServer, failed=unchanged("unrescuing"), abortable=True, steps=[
    Step(unrescue),
    Step(unrescued),
])
