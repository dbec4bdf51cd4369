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
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec

from pileus.compute.hypervisor.topology import Cell, PciPool, Placed
from pileus.core.errors import CloudError, Conflict, Invalid, NotFound


class Power(enum.IntEnum):
    """Nova's power states, by their API numbers (`OS-EXT-STS:power_state`).

    CRASHED is a guest that ended without being asked, and also one whose process is there but whose virtual machine is lost:
    QEMU's run states `internal-error` and `guest-panicked` are CRASHED, not RUNNING or PAUSED.
    """

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
    rescued: bool = False  # it boots from a rescue disk
    placed: Placed | None = None  # of a guest with NUMA cells


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
    host_ip: str = ""
    pcpus: int = 0  # processors for guests that get them for themselves; `vcpus` are those that are shared
    cells: tuple[Cell, ...] = ()  # of a driver that can place guests in NUMA cells
    pci: tuple[PciPool, ...] = ()  # of a driver that can hand devices to guests
    metrics: dict[str, float] = {}


class GuestNotFound(NotFound):
    code, message = "guest.not_found", "Guest {id} does not exist on this host."


class HypervisorFailed(CloudError):
    """The hypervisor refused or broke: another host may do better."""

    status, code, message, temporary = 500, "hypervisor.failed", "The hypervisor failed to {what}.", True


class GuestAgentSilent(Conflict):
    code, message = "guest.agent_silent", "The agent inside guest {id} does not answer."


class ConsoleAbsent(Invalid):
    code, message = "guest.console_absent", "Guest {id} has no {kind} console."


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


@runtime_checkable
class TakesSnapshots(Protocol):
    """Copies a guest's root disk while the guest goes on."""

    async def snapshot(self, guest_id: str, file: Path, format: str) -> None:
        """Write the root disk of one moment into `file`, as `raw` or `qcow2`, needing no other file to be read.

        From any power state, which stays as it is; a running guest is not stopped for longer than a moment. A file that is
        there is replaced. Raises GuestNotFound, or HypervisorFailed and leaves no file. `destroy` cuts it short.
        """


class RescueSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a guest is rescued with."""

    root: RootDisk                          # a fresh layer over its base is the disk the guest boots from
    stable: bool = False                    # True: the guest's own disks stay where they were, the rescue disk comes behind them
    device: str = "disk"                    # disk | cdrom; with `stable`
    config_drive: dict[str, bytes] | None = None


@runtime_checkable
class Rescues(Protocol):
    """Boots a guest from another disk, with its own root disk as a second one."""

    async def rescue(self, guest_id: str, rescue: RescueSpec) -> GuestState:
        """End the guest and boot it from the rescue disk. Its own root disk is the second one, or keeps its place when `stable`.

        A guest that is rescued already and runs is left alone; its state says `rescued`. `power` and `reboot` keep it
        rescued, also over a restart of the agent. Raises GuestNotFound, or HypervisorFailed and leaves it off, not rescued.
        """

    async def unrescue(self, guest_id: str) -> GuestState:
        """End the guest, forget the rescue disk, boot it from its own. One that is not rescued is left alone."""


@runtime_checkable
class Resizes(Protocol):
    """Gives a guest of this host other virtual CPUs, memory and a larger root disk, and can take that back."""

    async def resize(self, guest: GuestSpec) -> GuestState:
        """Make the guest what the spec says, and leave it SHUTDOWN. What it was is kept until `confirm_resize`.

        A guest that runs is ended first. Its root disk grows and never shrinks; `guest.root.base` is not looked at. Ephemeral
        and swap disks that change their size are made anew. One that is being resized already takes the new spec and keeps what
        it was before the first. Raises GuestNotFound, or HypervisorFailed and then it is what it was, SHUTDOWN.
        """

    async def confirm_resize(self, guest_id: str) -> None:
        """Forget what the guest was; it goes on as it is. Nothing kept, or no guest, is nothing to do."""

    async def revert_resize(self, guest_id: str) -> GuestState:
        """End the guest and make it what it was, with the disks of that moment; SHUTDOWN. Nothing kept: it is left alone."""


@runtime_checkable
class Moves(Protocol):
    """Hands a guest's disks to another host and takes them from there. What lies between is the agents' business."""

    async def export(self, guest_id: str, folder: Path) -> None:
        """Write the disks of a guest that is SHUTDOWN or CRASHED into the empty folder, as plain files that need no others.

        The guest stays as it is. Raises GuestNotFound, or GuestInWrongState while it runs, is paused or suspended.
        """

    async def import_(self, guest: GuestSpec, folder: Path) -> GuestState:
        """Make the guest of what `export` of the same kind of driver wrote, and leave it SHUTDOWN.

        `guest.root.base` is not looked at; the root disk is grown to the spec's size. The files may be moved away. A guest
        that is there already is left alone. Raises HypervisorFailed, and leaves nothing of the guest.
        """


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a live migration is, in bytes."""

    memory_total: int = 0
    memory_processed: int = 0
    memory_remaining: int = 0
    disk_total: int = 0
    disk_processed: int = 0
    disk_remaining: int = 0


@runtime_checkable
class MigratesLive(Protocol):
    """Moves a guest to another host of the same kind while it runs. The orders come in this sequence:

    `describe` on the source, `expect` on the destination, `migrate` on the source (with `progress`, `abort_migration` and
    `force_migration` meanwhile), `arrive` on the destination, `destroy` on the source. Taken back by `destroy` on the
    destination and `power` on the source.

    An agent that is killed meanwhile loses nothing: when it starts again, what had not arrived is gone from the destination, and
    the guest goes on at the source or, once all of it was sent, is PAUSED there.
    """

    async def describe(self, guest_id: str) -> bytes:
        """On the source: what the destination must know of the guest beside its spec, in words that only this kind of driver reads.

        Raises GuestNotFound, GuestInWrongState for one that does not run."""

    async def expect(self, guest: GuestSpec, described: bytes) -> str:
        """On the destination: be ready to receive the guest; returns the address the source is to send to. It is NOSTATE.

        Ready anew each time it is called. Raises HypervisorFailed, and leaves nothing of the guest."""

    async def migrate(self, guest_id: str, address: str) -> None:
        """On the source: send the guest; returns when all of it is there and it no longer runs here (PAUSED).

        One that is not RUNNING or PAUSED is GuestInWrongState. Raises HypervisorFailed, also when aborted; then it goes on here.
        """

    async def progress(self, guest_id: str) -> Progress | None:
        """None while the guest is not being sent."""

    async def abort_migration(self, guest_id: str) -> None:
        """Have `migrate` fail soon. Nothing under way is nothing to do."""

    async def force_migration(self, guest_id: str) -> None:
        """Have `migrate` end soon, at the cost of a longer halt. Nothing under way is nothing to do."""

    async def arrive(self, guest_id: str, power: Power) -> GuestState:
        """On the destination, after `migrate` returned: go on, RUNNING or PAUSED as it was. Repeatable."""


class DiskUse(msgspec.Struct, frozen=True, kw_only=True):
    read_bytes: int = 0
    read_requests: int = 0
    write_bytes: int = 0
    write_requests: int = 0
    errors: int | None = None


class NicUse(msgspec.Struct, frozen=True, kw_only=True):
    mac: str
    rx_octets: int | None = None
    rx_packets: int | None = None
    rx_errors: int | None = None
    rx_drop: int | None = None
    tx_octets: int | None = None
    tx_packets: int | None = None
    tx_errors: int | None = None
    tx_drop: int | None = None


class Diagnostics(msgspec.Struct, frozen=True, kw_only=True):
    """What a hypervisor can tell of a guest; None where it cannot."""

    power: Power
    uptime_s: int | None = None
    memory_mb: int
    memory_used_mb: int | None = None
    cpu_time_ns: tuple[int, ...] = ()       # one per virtual CPU
    disks: tuple[DiskUse, ...] = ()
    nics: tuple[NicUse, ...] = ()
    config_drive: bool = False
    driver: str                             # libvirt's name for it where there is one: kvm, qemu
    hypervisor: str


@runtime_checkable
class Diagnoses(Protocol):
    async def diagnostics(self, guest_id: str) -> Diagnostics:
        """Raises GuestNotFound; GuestInWrongState for one that does not run."""


@runtime_checkable
class SetsPasswords(Protocol):
    async def set_password(self, guest_id: str, user: str, password: str) -> None:
        """Have the agent inside the guest set a user's password.

        Raises GuestNotFound, GuestInWrongState for one that does not run, GuestAgentSilent when no agent answers.
        """


@runtime_checkable
class InjectsInterrupts(Protocol):
    async def inject_nmi(self, guest_id: str) -> None:
        """A non-maskable interrupt for the guest's system to write its crash dump. Raises GuestNotFound, GuestInWrongState."""


class ConsoleAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a console of a guest is, for a proxy on the same host: an address and a port, or a unix socket."""

    host: str
    port: int
    path: str = ""


@runtime_checkable
class ShowsConsoles(Protocol):
    async def console(self, guest_id: str, kind: str) -> ConsoleAddress:
        """Where the guest's `vnc` or `serial` console is at this moment. It says nothing about the next.

        Raises GuestNotFound, GuestInWrongState for one that does not run, and ConsoleAbsent.
        """


#: Optional ability → the trait that says a host has it. Not an attribute of the Protocol: a driver with two abilities has
#: two traits.
ABILITIES: dict[type, str] = {
    PlugsNics: "COMPUTE_NET_ATTACH_INTERFACE",
    TakesSnapshots: "CUSTOM_COMPUTE_SNAPSHOT",
    Rescues: "CUSTOM_COMPUTE_RESCUE",
    Resizes: "CUSTOM_COMPUTE_RESIZE",
    Moves: "CUSTOM_COMPUTE_MIGRATE_COLD",
    MigratesLive: "CUSTOM_COMPUTE_MIGRATE_LIVE",
    Diagnoses: "CUSTOM_COMPUTE_DIAGNOSTICS",
    SetsPasswords: "CUSTOM_COMPUTE_SET_PASSWORD",
    InjectsInterrupts: "CUSTOM_COMPUTE_INJECT_NMI",
    ShowsConsoles: "CUSTOM_COMPUTE_CONSOLE",
}


def traits_of(driver: Hypervisor) -> tuple[str, ...]:
    """The traits of the optional abilities that a driver has: part of its inventory."""
    return tuple(trait for ability, trait in ABILITIES.items() if isinstance(driver, ability))
