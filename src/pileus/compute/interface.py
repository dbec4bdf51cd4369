"""What compute hosts and the control plane ask of each other over the bus."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.compute.hypervisor.base import GuestSpec, GuestState, Inventory, Nic, Power
from pileus.core.bus import LONG, NORMAL, QUICK, Interface, takes
from pileus.network.metadata.model import MetadataRequest, MetadataResponse

#: The name under which the control plane serves its side.
CONTROL = "control"


class ImageRef(msgspec.Struct, frozen=True, kw_only=True):
    """An image whose bytes the host has to get before it can start a guest from it."""

    id: str
    format: str                             # raw | qcow2: what the image service found when it was uploaded
    size: int = 0
    kernel_id: str | None = None
    ramdisk_id: str | None = None


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """The order to start a guest. `guest.root.base` is empty: the host fills in where the image's bytes are."""

    guest: GuestSpec
    image: ImageRef | None


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

    @takes(NORMAL)
    async def plug(self, guest_id: str, nic: Nic) -> None: ...

    @takes(NORMAL)
    async def unplug(self, guest_id: str, port_id: str) -> None: ...

    @takes(QUICK)
    async def guests(self) -> list[GuestState]: ...


class HostReport(msgspec.Struct, frozen=True, kw_only=True):
    """A host's own account of itself: what it has, and which guests are on it."""

    host: str
    inventory: Inventory
    guests: tuple[GuestState, ...] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the control plane makes of a report: guests that must go, because their server is gone or elsewhere."""

    destroy: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()           # guests of which no record was ever found: left alone, and logged


class ComputeReports(Interface, topic="compute-reports"):
    """The control plane, as compute hosts see it."""

    @takes(NORMAL)
    async def report(self, report: HostReport) -> Verdict: ...


class MetadataAnswers(Interface, topic="metadata"):
    """The control plane, as guests see it through the metadata service of their host."""

    @takes(QUICK)
    async def answer(self, request: MetadataRequest) -> MetadataResponse: ...
