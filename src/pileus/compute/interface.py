"""What compute hosts and the control plane ask of each other over the bus."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.compute.hypervisor.base import (
    ConsoleAddress,
    Diagnostics,
    GuestSpec,
    GuestState,
    Inventory,
    Nic,
    Power,
    Progress,
    RescueSpec,
)
from pileus.core.bus import LONG, NORMAL, QUICK, Interface, takes
from pileus.network.metadata.model import MetadataRequest, MetadataResponse

#: The name under which the control plane serves its side.
CONTROL = "control"
#: Time class of calls that copy whole disks, in seconds.
COPYING = 4 * 3600.0


class ImageRef(msgspec.Struct, frozen=True, kw_only=True):
    """An image whose bytes the host has to get before it can start a guest from it."""

    id: str | None                          # None: only its kernel is needed, the disk comes from elsewhere
    format: str                             # raw | qcow2: what the image service found when it was uploaded
    size: int = 0
    kernel_id: str | None = None
    ramdisk_id: str | None = None


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """The order to start a guest. `guest.root.base` is empty: the host fills in where the image's bytes are."""

    guest: GuestSpec
    image: ImageRef | None


class Rescue(msgspec.Struct, frozen=True, kw_only=True):
    """The order to boot a guest from another disk. `spec.root.base` is empty, as in a `Build`."""

    guest_id: str
    spec: RescueSpec
    image: ImageRef


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a guest that another host fetches."""

    name: str
    size: int


class ComputeAgent(Interface, topic="compute"):
    """A compute host. Every call may be repeated."""

    @takes(LONG)
    async def spawn(self, build: Build) -> GuestState: ...

    @takes(NORMAL)
    async def destroy(self, guest_id: str) -> None: ...

    @takes(LONG)
    async def power(self, guest_id: str, to: Power, timeout_s: float) -> GuestState: ...

    @takes(LONG)
    async def reboot(self, guest_id: str, hard: bool) -> GuestState: ...

    @takes(QUICK)
    async def console_log(self, guest_id: str) -> bytes: ...

    @takes(QUICK)
    async def console(self, guest_id: str, kind: str) -> ConsoleAddress: ...

    @takes(NORMAL)
    async def plug(self, guest_id: str, nic: Nic) -> None: ...

    @takes(NORMAL)
    async def unplug(self, guest_id: str, port_id: str) -> None: ...

    @takes(QUICK)
    async def guests(self) -> list[GuestState]: ...

    @takes(COPYING)
    async def cache_image(self, image_id: str) -> None:
        """Have the image's bytes on this host, for servers to come."""

    @takes(COPYING)
    async def snapshot(self, guest_id: str, image_id: str, format: str) -> None:
        """Fill the image with the guest's root disk."""

    @takes(LONG)
    async def rescue(self, order: Rescue) -> GuestState: ...

    @takes(LONG)
    async def unrescue(self, guest_id: str) -> GuestState: ...

    @takes(COPYING)
    async def resize(self, build: Build) -> GuestState: ...

    @takes(NORMAL)
    async def confirm_resize(self, guest_id: str) -> None: ...

    @takes(COPYING)
    async def revert_resize(self, guest_id: str) -> GuestState: ...

    @takes(COPYING)
    async def receive(self, build: Build, source: str) -> GuestState:
        """Fetch a guest that is off from another host, which keeps it; it is off here too."""

    @takes(COPYING)
    async def export(self, guest_id: str) -> list[Exported]:
        """Write the disks of a guest that is off to files that another host can read."""

    @takes(QUICK)
    async def read_export(self, guest_id: str, name: str, offset: int) -> bytes:
        """A piece of such a file."""

    @takes(NORMAL)
    async def drop_export(self, guest_id: str) -> None: ...

    @takes(LONG)
    async def describe(self, guest_id: str) -> bytes: ...

    @takes(LONG)
    async def expect(self, build: Build, described: bytes) -> str: ...

    @takes(COPYING)
    async def migrate(self, guest_id: str, address: str) -> None: ...

    @takes(QUICK)
    async def progress(self, guest_id: str) -> Progress | None: ...

    @takes(QUICK)
    async def abort_migration(self, guest_id: str) -> None: ...

    @takes(QUICK)
    async def force_migration(self, guest_id: str) -> None: ...

    @takes(LONG)
    async def arrive(self, guest_id: str, power: Power) -> GuestState: ...

    @takes(QUICK)
    async def diagnostics(self, guest_id: str) -> Diagnostics: ...

    @takes(QUICK)
    async def set_password(self, guest_id: str, user: str, password: str) -> None: ...

    @takes(QUICK)
    async def inject_nmi(self, guest_id: str) -> None: ...


class HostReport(msgspec.Struct, frozen=True, kw_only=True):
    """A host's own account of itself: what it has, and which guests are on it."""

    host: str
    inventory: Inventory
    guests: tuple[GuestState, ...] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the control plane makes of a report: guests that must go, because their server is gone or elsewhere."""

    destroy: tuple[str, ...] = ()
    synced: int = 0                         # servers whose power state was another one than was known
    unknown: tuple[str, ...] = ()           # guests of which no record was ever found: left alone, and logged


class ComputeReports(Interface, topic="compute-reports"):
    """The control plane, as compute hosts see it."""

    @takes(NORMAL)
    async def report(self, report: HostReport) -> Verdict: ...


class MetadataAnswers(Interface, topic="metadata"):
    """The control plane, as guests see it through the metadata service of their host."""

    @takes(QUICK)
    async def answer(self, request: MetadataRequest) -> MetadataResponse: ...
