"""Several hosts on one machine: what of it each of them has, so that none meets what is another's.

Memory and disk are divided between them. Processors are counted in parts too, but nobody is kept off any: a guest runs wherever
Linux lets it run, so these hosts place no guest in a NUMA cell.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec
from msgspec.structs import replace

from pileus.compute.hypervisor.base import GuestSpec, Inventory, Nic


class Neighbours(msgspec.Struct, frozen=True, kw_only=True):
    """Which of its machine's hosts this one is."""

    number: int = 0
    hosts: int = 1
    taps: str = "tap"                       # how the names of its tap devices begin: everywhere else it is `tap`

    @property
    def alone(self) -> bool:
        return self.hosts == 1

    def nic(self, nic: Nic) -> Nic:
        """An interface with the device that the network agent of this host makes for it."""
        return replace(nic, device=self.taps + nic.device.removeprefix("tap")) if nic.device.startswith("tap") else nic

    def guest(self, spec: GuestSpec) -> GuestSpec:
        return spec if self.number == 0 else replace(spec, nics=tuple(map(self.nic, spec.nics)))

    def part(self, machine: Inventory) -> Inventory:
        """What this host has of the machine."""
        if self.alone:
            return machine
        return replace(machine, vcpus=max(1, machine.vcpus // self.hosts), memory_mb=machine.memory_mb // self.hosts,
                       disk_gib=max(1, machine.disk_gib // self.hosts))


ALONE = Neighbours()
