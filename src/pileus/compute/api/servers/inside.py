"""What is inside of a server: diagnostics, its topology, and its password."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.compute.hypervisor.base import Diagnostics, Power
from pileus.compute.hypervisor.topology import Placed
from pileus.compute.model.numa import SMALL, SMALL_KIB, GuestCell
from pileus.core.http import Request, Route

NICS = ("rx_octets", "rx_packets", "rx_errors", "rx_drop", "tx_octets", "tx_packets", "tx_errors", "tx_drop")
STATES = {Power.RUNNING: "running", Power.PAUSED: "paused", Power.SHUTDOWN: "shutdown", Power.CRASHED: "crashed",
          Power.SUSPENDED: "suspended", Power.NOSTATE: "pending"}


async def show_diagnostics(req: Request, server_id: str) -> dict[str, Any]:
    found = await req.services.compute.insides.diagnostics(server_id, req.who)
    return view(found) if req.version >= (2, 48) else old_view(found)


async def show_topology(req: Request, server_id: str) -> dict[str, Any]:
    server = await req.services.compute.servers.get(server_id, req.who)
    req.enforce("compute:server:topology:index", {"project_id": server.project_id})
    cells = req.services.compute.insides.cells(server)
    sizes = {_page_kib(cell) for cell in cells}
    whole = sizes.pop() if len(sizes) == 1 else None
    shown = req.allows("compute:server:topology:host:index", {"project_id": server.project_id})
    placed = await req.services.compute.insides.placed(server) if shown and cells else None
    return {"nodes": [_cell(cell, placed) for cell in cells], "pagesize_kb": whole}


async def show_password(req: Request, server_id: str) -> dict[str, Any]:
    return {"password": await req.services.compute.insides.password(server_id, req.who)}


async def clear_password(req: Request, server_id: str) -> None:
    await req.services.compute.insides.clear_password(server_id, req.who)


ONE = "/v2.1/servers/{server_id}"
ROUTES = [
    Route("GET", ONE + "/diagnostics", show_diagnostics, policy="os_compute_api:os-server-diagnostics"),
    Route("GET", ONE + "/topology", show_topology, policy="compute:server:topology:index", since=(2, 78)),
    Route("GET", ONE + "/os-server-password", show_password, policy="os_compute_api:os-server-password:show"),
    Route("DELETE", ONE + "/os-server-password", clear_password, policy="os_compute_api:os-server-password:clear", ok=204),
]


def view(found: Diagnostics) -> dict[str, Any]:
    """The same whatever the hypervisor, from 2.48 on."""
    disks = [{"read_bytes": d.read_bytes, "read_requests": d.read_requests, "write_bytes": d.write_bytes,
              "write_requests": d.write_requests, "errors_count": d.errors} for d in found.disks]
    nics = [{"mac_address": n.mac, "rx_rate": None, "tx_rate": None} | {name: getattr(n, name) for name in NICS} for n in found.nics]
    return {
        "state": STATES[found.power], "driver": "libvirt", "hypervisor": found.driver, "hypervisor_os": "linux", "uptime": found.uptime_s,
        "config_drive": found.config_drive, "num_cpus": len(found.cpu_time_ns), "num_nics": len(nics), "num_disks": len(disks),
        "memory_details": {"maximum": found.memory_mb, "used": found.memory_used_mb},
        "cpu_details": [{"id": n, "time": time, "utilisation": None} for n, time in enumerate(found.cpu_time_ns)],
        "nic_details": nics, "disk_details": disks,
    }


def old_view(found: Diagnostics) -> dict[str, Any]:
    """As libvirt's driver told it before: a flat list of counters."""
    shown: dict[str, Any] = {f"cpu{n}_time": time for n, time in enumerate(found.cpu_time_ns)}
    shown |= {"memory": found.memory_mb * 1024, "memory-actual": found.memory_mb * 1024}
    for n, disk in enumerate(found.disks):
        name = f"vd{chr(ord('a') + n)}"
        shown |= {f"{name}_read": disk.read_bytes, f"{name}_read_req": disk.read_requests, f"{name}_write": disk.write_bytes,
                  f"{name}_write_req": disk.write_requests, f"{name}_errors": -1 if disk.errors is None else disk.errors}
    for n, nic in enumerate(found.nics):
        shown |= {f"vnet{n}_{old}": getattr(nic, new) for old, new in (
            ("rx", "rx_octets"), ("rx_packets", "rx_packets"), ("rx_errors", "rx_errors"), ("rx_drop", "rx_drop"),
            ("tx", "tx_octets"), ("tx_packets", "tx_packets"), ("tx_errors", "tx_errors"), ("tx_drop", "tx_drop"))}
    return shown


def _page_kib(cell: GuestCell) -> int | None:
    return SMALL_KIB if cell.pages == SMALL else cell.pages if isinstance(cell.pages, int) else None


def _cell(cell: GuestCell, placed: Placed | None) -> dict[str, Any]:
    """`placed` is for administrators, and what the host says of it."""
    shown: dict[str, Any] = {"vcpu_set": list(cell.cpus), "siblings": [], "memory_mb": cell.memory_mb}
    if placed is not None and cell.id < len(placed.nodes):
        shown["host_node"] = placed.nodes[cell.id]
        shown["cpu_pinning"] = {str(cpu): placed.cpus[cpu] for cpu in cell.cpus if cpu in placed.cpus}
    return shown
