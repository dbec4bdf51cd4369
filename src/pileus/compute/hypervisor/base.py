"""What a host must be able to do with guests: the contract of every hypervisor driver.

A driver knows no database, no HTTP and no other service. Everything it needs arrives in a `GuestSpec`; ids were chosen
before. Every call may be repeated, and a call that was cut off half-way may be repeated too. Calls about one guest may
overlap: a driver puts them in order itself, and `destroy` never waits for a guest's grace period to pass.
`tests/compute/hypervisor/contract.py` holds every driver to this page, the simulated one included.

Which power state may follow which is the table `REACHABLE`. A guest that was stopped, crashed or only half made has no
memory to pause or to save; everything else leads everywhere.

Optional abilities are Protocols of their own. A driver that has one reports its trait (`traits_of`) in its inventory, so
that the scheduler never picks a host that cannot.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import enum
from datetime import datetime
from typing import Protocol, runtime_checkable

import msgspec

from pileus.core.errors import CloudError, Conflict, NotFound


class Power(enum.IntEnum):
    """Nova's power states, by their API numbers (`OS-EXT-STS:power_state`)."""

    NOSTATE = 0
    RUNNING = 1
    PAUSED = 3
    SHUTDOWN = 4
    CRASHED = 6
    SUSPENDED = 7


#: `Hypervisor.power`: wanted state → states it can be reached from. Anything else is GuestInWrongState.
REACHABLE: dict[Power, frozenset[Power]] = {
    Power.RUNNING: frozenset(Power),
    Power.PAUSED: frozenset({Power.RUNNING, Power.PAUSED}),
    Power.SHUTDOWN: frozenset(Power),
    Power.SUSPENDED: frozenset({Power.RUNNING, Power.PAUSED, Power.SUSPENDED}),
}


class RootDisk(msgspec.Struct, frozen=True, kw_only=True):
    """The disk a guest starts from: a new copy-on-write layer over `base`, grown to `size_gib` when that is larger."""

    base: str  # path of the image's bytes on this host; never written to
    format: str  # "raw" or "qcow2": the declared and inspected format, never probed
    size_gib: int = 0  # 0: as large as the image
    bus: str = "virtio"  # virtio | scsi | ide
    kernel: str | None = None  # paths for a direct kernel boot
    ramdisk: str | None = None
    kernel_args: str = ""

    @property
    def files(self) -> tuple[str, ...]:
        """The image files it needs as long as it lives."""
        return tuple(path for path in (self.base, self.kernel, self.ramdisk) if path)


class Nic(msgspec.Struct, frozen=True, kw_only=True):
    """A network interface. The network agent owns the tap device `device`; the driver only opens it."""

    port_id: str
    mac: str
    device: str  # name of the tap device on this host; made by the network agent beforehand
    mtu: int = 1500
    model: str = "virtio"  # virtio | e1000 | rtl8139 …


class GuestSpec(msgspec.Struct, frozen=True, kw_only=True):
    """All a host needs to run one guest. Stored by the driver, so that a restarted agent can adopt and restart guests."""

    id: str  # the server's UUID
    name: str  # instance-00000001
    vcpus: int
    memory_mb: int
    root: RootDisk
    ephemeral_gib: int = 0
    swap_mb: int = 0
    nics: tuple[Nic, ...] = ()
    config_drive: dict[str, bytes] | None = None  # path on the drive (label config-2) → content
    properties: dict[str, str] = {}  # image properties hw_*, os_*


class GuestState(msgspec.Struct, frozen=True, kw_only=True):
    """What the hypervisor says of a guest it has."""

    id: str
    power: Power  # NOSTATE: files without a guest, left by a spawn that was cut off
    pid: int | None = None  # None without a process: also SHUTDOWN, SUSPENDED, and simulated guests
    vnc: tuple[str, int] | None = None  # address and port on this host
    files: tuple[str, ...] = ()             # of images, which the guest cannot start without
    error: str = ""  # why it is CRASHED or NOSTATE, for operators


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """What a host has, before anything is reserved or overcommitted."""

    vcpus: int
    memory_mb: int
    disk_gib: int
    hypervisor_type: str  # QEMU | KVM | simulated
    hypervisor_version: int  # 7002000 for 7.2.0
    hypervisor_hostname: str
    cpu_arch: str = "x86_64"
    cpu_info: dict = {}
    traits: tuple[str, ...] = ()
    booted_at: datetime | None = None  # when the host was switched on, if it can tell


class GuestNotFound(NotFound):
    code, message = "guest.not_found", "Guest {id} does not exist on this host."


class HypervisorFailed(CloudError):
    """The hypervisor refused or broke: another host may do better."""

    status, code, message, temporary = 500, "hypervisor.failed", "The hypervisor failed to {what}.", True


class GuestInWrongState(Conflict):
    code, message = "guest.wrong_state", "Guest {id} cannot {what} while it is {state}."


class Hypervisor(Protocol):
    """Makes this host run the guests it is told to."""

    async def start(self) -> None:
        """Take up the work: adopt guests that still run. Called once before anything else."""

    async def stop(self) -> None:
        """Let go of everything; guests go on running."""

    async def inventory(self) -> Inventory: ...

    async def spawn(self, guest: GuestSpec) -> GuestState:
        """Make the guest and start it; return as soon as it runs, without waiting for what is inside.

        One that runs (or is paused) already is left alone. One that is there but does not run keeps its disks, takes the
        given spec and is started. Raises HypervisorFailed, and leaves neither process nor files of a guest that was new.
        """

    async def destroy(self, guest_id: str) -> None:
        """End the guest and remove its files. An absent guest is already destroyed."""

    async def power(self, guest_id: str, to: Power, *, timeout_s: float = 0) -> GuestState:
        """Bring the guest to RUNNING, PAUSED, SHUTDOWN or SUSPENDED (memory on disk, process gone).

        SHUTDOWN asks the guest first when `timeout_s` is more than 0, and pulls the plug after that; it forgets a saved
        memory. RUNNING resumes, wakes from memory or boots. Raises GuestNotFound; GuestInWrongState as REACHABLE says.
        """

    async def reboot(self, guest_id: str, *, hard: bool, timeout_s: float = 60) -> GuestState:
        """Soft: ask the guest to end and boot it again; reset it when it does not end in time; only while RUNNING.

        Hard: end the process, forget a saved memory, start anew from the stored spec, from any state. Raises GuestNotFound.
        """

    async def guests(self) -> list[GuestState]:
        """Every guest this host has files or a process for."""

    async def console_log(self, guest_id: str, max_bytes: int = 1 << 20) -> bytes:
        """The tail of what the guest wrote to its serial console since it was made. Raises GuestNotFound."""


@runtime_checkable
class PlugsNics(Protocol):
    """Adds and removes network interfaces of a guest, running or not. Both outlast a restart of guest and agent."""

    async def plug(self, guest_id: str, nic: Nic) -> None:
        """One that is plugged already is left alone. Raises GuestNotFound, or HypervisorFailed and plugs nothing."""

    async def unplug(self, guest_id: str, port_id: str) -> None:
        """An absent interface, or an interface of an absent guest, is already unplugged."""


#: Optional ability → the trait that says a host has it. Not an attribute of the Protocol: a driver with two abilities has
#: two traits.
ABILITIES: dict[type, str] = {PlugsNics: "COMPUTE_NET_ATTACH_INTERFACE"}


def traits_of(driver: Hypervisor) -> tuple[str, ...]:
    """The traits of the optional abilities that a driver has: part of its inventory."""
    return tuple(trait for ability, trait in ABILITIES.items() if isinstance(driver, ability))
