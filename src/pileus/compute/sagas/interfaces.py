"""Attach and detach network interfaces of a server, running or not."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.compute.hypervisor.base import GuestNotFound
from pileus.compute.hypervisor.base import Nic as GuestNic
from pileus.compute.model.server import Nic
from pileus.compute.sagas.conductor import Conductor
from pileus.compute.sagas.guest import release_port
from pileus.core.bus import HostUnreachable
from pileus.core.errors import NotFound
from pileus.core.saga import Saga, Step
from pileus.network.datapath.base import tap_name


class ChangeInterface(msgspec.Struct, kw_only=True):
    server_id: str
    request_id: str
    nic: Nic                                # the port's id was chosen before


async def prepare_port(s: ChangeInterface, c: Conductor) -> None:
    server = await c.server(s.server_id)
    if server is None:
        raise NotFound("The server was deleted in the meantime.")
    owner = f"compute:{server.availability_zone or ''}"
    if s.nic.existing:
        await c.network.bind_port(s.nic.port_id, device_id=server.id, device_owner=owner, host=server.host)
    else:
        await c.network.create_server_port(s.nic.port_id, s.nic.network_id, project_id=server.project_id, device_id=server.id,
                                           device_owner=owner, host=server.host, security_groups=[], fixed_ip=s.nic.fixed_ip)


async def release(s: ChangeInterface, c: Conductor) -> None:
    await release_port(s.nic, s.server_id, c)


async def plug(s: ChangeInterface, c: Conductor) -> None:
    """Wire the port on the host and give the guest its interface."""
    server = await c.server(s.server_id)
    if server is None or server.host is None:
        return
    await c.network.wire(server.host)
    port = next((p for p in await c.network.ports_of(server.id) if p.id == s.nic.port_id), None)
    if port is None:
        raise NotFound("The port was deleted in the meantime.")
    await c.agent(server.host).plug(server.id, GuestNic(port_id=port.id, mac=port.mac_address, device=tap_name(port.id), mtu=port.mtu))


async def unplug(s: ChangeInterface, c: Conductor) -> None:
    server = await c.server(s.server_id)
    if server is not None and server.host is not None:
        try:
            await c.agent(server.host).unplug(server.id, s.nic.port_id)
        except (GuestNotFound, HostUnreachable):
            return


async def remember(s: ChangeInterface, c: Conductor) -> None:
    """The server has the interface from now on."""
    async with c.kit.db.transaction():
        server = await c.server(s.server_id)
        if server is not None and all(nic.port_id != s.nic.port_id for nic in server.nics):
            await c.servers.update(server.id, c.now(), nics=[*server.nics, s.nic])
        await c.actions.finish(s.request_id, s.server_id)


async def forget(s: ChangeInterface, c: Conductor) -> None:
    async with c.kit.db.transaction():
        server = await c.server(s.server_id)
        if server is not None:
            await c.servers.update(server.id, c.now(), nics=[nic for nic in server.nics if nic.port_id != s.nic.port_id])
        await c.actions.finish(s.request_id, s.server_id)


ATTACH_INTERFACE = Saga(name="server.attach_interface", state=ChangeInterface, steps=[
    Step(prepare_port, undo=release),
    Step(plug, undo=unplug),
    Step(remember),
])
DETACH_INTERFACE = Saga(name="server.detach_interface", state=ChangeInterface, steps=[
    Step(unplug),
    Step(release),
    Step(forget),
])
