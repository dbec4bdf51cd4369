"""What this host has, read from the kernel each time it is asked."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from pileus.compute.hypervisor.base import Inventory
from pileus.compute.hypervisor.devices import TRAITS, UEFI_TRAIT
from pileus.compute.hypervisor.qemu.disks import firmware
from pileus.compute.hypervisor.qemu.probe import Abilities
from pileus.compute.hypervisor.topology import Cell


def inventory(host: Abilities, state: Path, hostname: str, traits: tuple[str, ...], cells: tuple[Cell, ...]) -> Inventory:
    disk = os.statvfs(state)
    return Inventory(
        vcpus=len(os.sched_getaffinity(0)),
        memory_mb=memory_mb(),
        disk_gib=max(1, disk.f_frsize * disk.f_blocks >> 30),
        hypervisor_type="KVM" if host.kvm else "QEMU",
        hypervisor_version=host.version_number,
        hypervisor_hostname=hostname,
        cpu_arch=platform.machine(),
        cpu_info=_cpu_info(),
        traits=(*TRAITS, *([UEFI_TRAIT] if firmware() else ()), *traits),
        booted_at=_booted_at(),
        cells=cells,
    )


def memory_mb() -> int:
    found = re.search(r"^MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.M)
    return int(found[1]) >> 10 if found else os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20


@cache
def _booted_at() -> datetime | None:
    """Read once: the kernel computes it from the time of day, so it wavers by a second, and inventories are compared."""
    found = re.search(r"^btime (\d+)$", Path("/proc/stat").read_text(), re.M)
    return datetime.fromtimestamp(int(found[1]), UTC) if found else None


def _cpu_info() -> dict:
    text = Path("/proc/cpuinfo").read_text()
    return {
        "arch": platform.machine(),
        "vendor": _field(text, "vendor_id"),
        "model": _field(text, "model name"),
        "features": _field(text, "flags").split(),
        "topology": {"sockets": 1, "cores": len(os.sched_getaffinity(0)), "threads": 1},
    }


def processor() -> str:
    """What kind of processor this host has, as guests see it that are not emulated."""
    text = Path("/proc/cpuinfo").read_text()
    return " ".join(_field(text, name) for name in ("vendor_id", "model name", "flags"))


def _field(text: str, name: str) -> str:
    found = re.search(rf"^{name}\s*:\s*(.*)$", text, re.M)
    return found[1].strip() if found else ""
