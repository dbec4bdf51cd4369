"""A simulated guest: what is kept of it, what it prints, and what its disk looks like in a file."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import shutil
import struct
from pathlib import Path

import msgspec

from pileus.compute.hypervisor.base import GuestSpec, GuestState, Power, RescueSpec
from pileus.compute.hypervisor.topology import Placed


class SimulatedGuest(msgspec.Struct, frozen=True, kw_only=True):
    """All there is of a guest; its file's content."""

    spec: GuestSpec
    power: Power = Power.RUNNING
    boots: int = 1
    error: str = ""
    rescue: RescueSpec | None = None
    before: GuestSpec | None = None         # what it was before a resize that is not confirmed
    passwords: dict[str, str] = {}
    interrupts: int = 0

    def state(self) -> GuestState:
        files = self.spec.root.files + (self.rescue.root.files if self.rescue else ()) + (self.before.root.files if self.before else ())
        return GuestState(id=self.spec.id, power=self.power, files=tuple(dict.fromkeys(files)), error=self.error,
                          rescued=self.rescue is not None, placed=self._placed())

    def _placed(self) -> Placed | None:
        """Simulated processors are nobody's, and cells of guests are those of the host in their order."""
        cells = self.spec.properties.get("hw_numa")
        return Placed(nodes=tuple(range(cells.count(";") + 1))) if cells else None


def boot_text(spec: GuestSpec, boot: int) -> str:
    """What such a guest would print while it boots: long enough that asking for its last lines means something."""
    lines = [
        f"[    0.000000] Simulated guest {spec.name}, boot {boot}",
        f"[    0.000000] Command line: {spec.root.kernel_args or 'console=ttyS0'}",
        f"[    0.000000] Memory: {spec.memory_mb} MiB",
        f"[    0.010000] smp: {spec.vcpus} CPUs",
        f"[    0.100000] {spec.root.bus}: root disk, {spec.root.size_gib} GiB, {spec.root.format}",
        *(f"[    0.110000] eth{i}: {nic.model}, {nic.mac}, mtu {nic.mtu}" for i, nic in enumerate(spec.nics)),
        f"[    0.200000] config drive: {'config-2' if spec.config_drive is not None else 'none'}",
        "[    0.300000] root file system mounted",
        "[    0.400000] init: starting",
        "[    0.500000] network: up",
        "[    0.600000] cloud: reading metadata",
        f"[    0.700000] cloud: instance {spec.id}",
        "[    0.800000] ssh: host keys made",
        "[    0.900000] ssh: listening on port 22",
        "[    1.000000] cloud: ready",
        "",
        f"{spec.name} login: ",
    ]
    return "\n".join(lines) + "\n"


def copy(source: Path, file: Path) -> None:
    """A second name where that is possible: neither of them is ever written to."""
    try:
        os.link(source, file)
    except OSError:
        shutil.copyfile(source, file)


def empty_disk(format: str, size_gib: int) -> bytes:
    """A disk on which nothing was ever written, since simulated guests have no bytes: the header of a qcow2 file, or a MiB of zeros."""
    if format == "raw":
        return bytes(1 << 20)
    size = (size_gib or 1) << 30
    entries = max(1, size >> 29)                      # of the first table, one for every 512 MiB
    header = struct.pack(">4sIQIIQIIQQIIQQQQII", b"QFI\xfb", 3, 0, 0, 16, size, 0, entries, 3 << 16, 1 << 16, 1, 0, 0, 0, 0, 0, 4, 104)
    refcounts = struct.pack(">Q", 2 << 16)
    counted = struct.pack(">4H", 1, 1, 1, 1)
    return b"".join(part.ljust(1 << 16, b"\0") for part in (header, refcounts, counted, bytes(8 * entries)))
