"""What several sagas need of a guest: its spec, its image, its ports on a host, and its end."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.compute.hypervisor.base import GuestNotFound, GuestSpec, Power, RootDisk
from pileus.compute.hypervisor.base import Nic as GuestNic
from pileus.compute.interface import Build, ImageRef
from pileus.compute.metadata.documents import config_drive
from pileus.compute.metadata.service import interfaces_of
from pileus.compute.metadata.vendor import vendor_data
from pileus.compute.model import hardware
from pileus.compute.model.local_disks import sizes
from pileus.compute.model.server import PAUSED, STOPPED, SUSPENDED, Nic, Server
from pileus.compute.sagas.conductor import Conductor
from pileus.core.bus import LONG, HostUnreachable
from pileus.core.errors import Conflict, NotFound
from pileus.core.log import Log
from pileus.network.datapath.base import tap_name

log = Log("pileus.compute.sagas")

IMAGE = "image_"
#: How long a guest may take to shut down when asked before the plug is pulled, in seconds.
SHUTDOWN_S = 60.0
#: The longest that it can be waited for, in one call to a host.
SHUTDOWN_MAX_S = LONG / 2


def image_ref(image: Any) -> ImageRef:
    return ImageRef(id=image.id, format=image.disk_format if image.disk_format == "qcow2" else "raw", size=image.size or 0,
                    kernel_id=image.properties.get("kernel_id") or None, ramdisk_id=image.properties.get("ramdisk_id") or None)


def image_properties(image: Any) -> dict[str, str]:
    return {k: str(v) for k, v in image.properties.items()}


def properties_of(server: Server) -> dict[str, str]:
    """The properties of the image that the server was made of, which may be gone by now."""
    return {k.removeprefix(IMAGE): v for k, v in server.system_metadata.items() if k.startswith(IMAGE)}


def wants_drive(image: Any) -> bool:
    """Whether a system of this image finds what it must know nowhere but on a config drive."""
    return image.properties.get("img_config_drive") == "mandatory"


def remembered(image: Any) -> dict[str, str]:
    """The part of a server's system metadata that `properties_of` reads."""
    return {IMAGE + k: v for k, v in image_properties(image).items()}


def shutdown_s(server: Server) -> float:
    """How long the server's guest may take to shut down; some images know that theirs take longer."""
    told = properties_of(server).get("os_shutdown_timeout", "")
    return min(float(told), SHUTDOWN_MAX_S) if told.isdecimal() else SHUTDOWN_S


def moved(guest: GuestSpec, server: Server) -> Build:
    """The order for a guest whose root disk comes from another host; only a kernel of its own is still taken from an image."""
    known = properties_of(server)
    return Build(guest=guest, image=ImageRef(id=None, format="raw", kernel_id=known.get("kernel_id") or None,
                                             ramdisk_id=known.get("ramdisk_id") or None))


async def guest_spec(server: Server, c: Conductor, *, format: str = "raw", properties: dict[str, str] | None = None,
                     admin_pass: str | None = None, files: dict[str, bytes] | None = None) -> GuestSpec:
    """The guest as the hypervisor driver wants it; `format` is the image's."""
    known = properties_of(server) if properties is None else properties
    found = await c.network.ports_of_devices([server.id]) if server.nics else {}
    ports = {port.id: port for port in found.get(server.id, ())}
    nics = tuple(GuestNic(port_id=nic.port_id, mac=ports[nic.port_id].mac_address, device=tap_name(nic.port_id), mtu=ports[nic.port_id].mtu,
                          model=known.get("hw_vif_model", "virtio"))
                 for nic in server.nics if nic.port_id in ports)
    drive = None
    if server.config_drive:
        drive = config_drive(server, await interfaces_of(server, c.network), admin_pass=admin_pass, files=files or {},
                             vendor=vendor_data(c.config.vendordata_file))
    root = RootDisk(base="", format=format, size_gib=server.flavor.root_gib, bus=known.get("hw_disk_bus", "virtio"),
                    kernel_args=known.get("os_command_line", ""))
    ephemeral_gib, swap_mb = sizes(server.flavor, server.system_metadata)
    return GuestSpec(id=server.id, name=server.guest_name, vcpus=server.flavor.vcpus, memory_mb=server.flavor.memory_mb, root=root,
                     ephemeral_gib=ephemeral_gib, swap_mb=swap_mb, nics=nics, config_drive=drive,
                     properties=hardware.properties(known, server.flavor.extra_specs, server.flavor.vcpus, server.flavor.memory_mb))


def device_owner(server: Server) -> str:
    return f"compute:{server.availability_zone or ''}"


async def bind_ports(server: Server, host: str, c: Conductor) -> None:
    """The server's ports are on that host from now on, and it is told so. Repeatable."""
    await assign_ports(server, host, c)
    if server.nics:
        await c.network.wire(host)


async def assign_ports(server: Server, host: str, c: Conductor) -> None:
    """The server's ports belong on that host ("": on none). One that was deleted behind the server's back is on no host. Repeatable."""
    for nic in server.nics:
        try:
            await c.network.bind_port(nic.port_id, device_id=server.id, device_owner=device_owner(server), host=host)
        except NotFound:
            log.warning("a server's port is gone", server=server.id, port=nic.port_id)


async def expect_ports(server: Server, host: str, c: Conductor) -> None:
    """The server's ports are made ready on that host as well; where they belong they stay. Repeatable."""
    for nic in server.nics:
        await c.network.expect_port(nic.port_id, device_id=server.id, host=host)
    if server.nics:
        await c.network.wire(host)


async def release_port(nic: Nic, server_id: str, c: Conductor) -> None:
    """Delete a port that came with the server; let go of one that the user brought."""
    if not nic.existing:
        await c.network.delete_port(nic.port_id)
    else:
        await c.network.unbind_port(nic.port_id, device_id=server_id)


async def end_guest(server_id: str, host: str, c: Conductor) -> None:
    """A host that does not answer is not waited for: its audit will destroy the guest when it is back."""
    try:
        await c.agent(host).destroy(server_id)
    except HostUnreachable:
        log.warning("host unreachable; its audit will remove the guest", host=host, server=server_id)


async def power_as(server: Server, vm_state: str, host: str, c: Conductor) -> Power:
    """Start the guest if a server in `vm_state` runs; returns how it is now. Repeatable."""
    if vm_state in (STOPPED, SUSPENDED):
        return (await c.agent(host).power(server.id, Power.SHUTDOWN, 0.0)).power
    state = await c.agent(host).power(server.id, Power.RUNNING, 0.0)
    if vm_state == PAUSED:
        state = await c.agent(host).power(server.id, Power.PAUSED, 0.0)
    return state.power


async def power_again(server: Server, vm_state: str, host: str, c: Conductor) -> None:
    """The same in an undo: a guest or host that is gone is left to the audit."""
    try:
        await power_as(server, vm_state, host, c)
    except (GuestNotFound, HostUnreachable) as gone:
        log.warning("a guest could not be started again", host=host, server=server.id, error=str(gone))


async def in_task(server_id: str, c: Conductor, *tasks: str) -> Server:
    """The server while it is in one of these tasks. Raises NotFound when somebody, a delete most likely, took over."""
    server = await c.server(server_id)
    if server is None or server.task_state not in tasks:
        raise NotFound("The server was deleted in the meantime.")
    return server


def host_of(server: Server) -> str:
    if server.host is None:
        raise Conflict("The server is on no host.")
    return server.host
