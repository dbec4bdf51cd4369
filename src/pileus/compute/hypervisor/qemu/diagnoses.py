"""What a running guest uses, as QEMU and the kernel count it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from pathlib import Path

from pileus.compute.hypervisor.base import Diagnostics, DiskUse, GuestInWrongState, HypervisorFailed, Nic, NicUse
from pileus.compute.hypervisor.qemu.guest import Guest
from pileus.compute.hypervisor.qemu.machine import Machine

NS_PER_S = 1_000_000_000


async def diagnostics(guest: Guest) -> Diagnostics:
    machine, spec = running(guest, "tell how it is"), guest.record.spec
    threads = [cpu["thread-id"] for cpu in await machine.ask("query-cpus-fast")]
    disks = [disk["stats"] for disk in await machine.ask("query-blockstats") if disk.get("qdev")]
    kind = "kvm" if guest.settings.host.kvm else "qemu"
    return Diagnostics(
        power=machine.power, uptime_s=_uptime(machine.pid), memory_mb=spec.memory_mb,
        cpu_time_ns=tuple(_cpu_time(f"/proc/{machine.pid}/task/{thread}/stat") for thread in threads),
        disks=tuple(_disk(stats) for stats in disks), nics=tuple(_nic(nic) for nic in spec.nics),
        config_drive=spec.config_drive is not None, driver=kind, hypervisor=kind,
    )  # fmt: skip


def running(guest: Guest, what: str) -> Machine:
    """The machine of a guest that has one that goes. Raises GuestInWrongState."""
    if (machine := guest.machine) and not machine.crashed:
        return machine
    raise GuestInWrongState(id=guest.record.spec.id, what=what, state=guest.power.name.lower())


def _disk(stats: dict) -> DiskUse:
    return DiskUse(
        read_bytes=stats["rd_bytes"], read_requests=stats["rd_operations"], write_bytes=stats["wr_bytes"],
        write_requests=stats["wr_operations"], errors=stats["failed_rd_operations"] + stats["failed_wr_operations"],
    )  # fmt: skip


def _nic(nic: Nic) -> NicUse:
    """The host's end counts the other way round: what it receives the guest has sent."""

    def count(name: str) -> int | None:
        try:
            return int(Path(f"/sys/class/net/{nic.device}/statistics/{name}").read_text())
        except (OSError, ValueError):
            return None

    return NicUse(
        mac=nic.mac, rx_octets=count("tx_bytes"), rx_packets=count("tx_packets"), rx_errors=count("tx_errors"),
        rx_drop=count("tx_dropped"), tx_octets=count("rx_bytes"), tx_packets=count("rx_packets"), tx_errors=count("rx_errors"),
        tx_drop=count("rx_dropped"),
    )  # fmt: skip


def _fields(stat: str) -> list[str]:
    """Of proc(5)'s stat, from the third on: the second is a name that may hold anything."""
    try:
        return Path(stat).read_text().rpartition(") ")[2].split()
    except OSError as error:
        raise HypervisorFailed(what="look at the guest's process", detail=str(error)) from None


def _cpu_time(stat: str) -> int:
    user, system = _fields(stat)[11:13]
    return (int(user) + int(system)) * NS_PER_S // os.sysconf("SC_CLK_TCK")


def _uptime(pid: int) -> int:
    host = float(Path("/proc/uptime").read_text().split()[0])
    return max(0, int(host - int(_fields(f"/proc/{pid}/stat")[19]) / os.sysconf("SC_CLK_TCK")))
