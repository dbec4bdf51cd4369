"""A guest's memory as QEMU's arguments: of which pages it is, and near which of the host's processors."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator

from pileus.compute.hypervisor.qemu.cells import NUMA, Part, parts_of
from pileus.compute.hypervisor.qemu.layout import Record


def memory(record: Record) -> Iterator[str]:
    """One piece, or one per NUMA cell. What a piece is called must not depend on the host: a guest may come from another one."""
    parts = parts_of(record.spec)
    if NUMA not in record.spec.properties and not record.page_kib:
        return
    if len(parts) == 1:
        yield from ("-object", _backend("ram", parts[0], record, 0))
        yield from ("-machine", "memory-backend=ram")
        return
    for number, part in enumerate(parts):
        cpus = "".join(f",cpus={cpu}" for cpu in part.cpus)
        yield from ("-object", _backend(f"ram{number}", part, record, number))
        yield from ("-numa", f"node,nodeid={number}{cpus},memdev=ram{number}")


def _backend(name: str, part: Part, record: Record, number: int) -> str:
    """Huge pages are taken before the guest runs, or it does not start. A guest on a host with one cell is bound to nothing."""
    huge = f",hugetlb=on,hugetlbsize={record.page_kib}K,prealloc=on" if record.page_kib else ""
    bound = f",host-nodes={record.nodes[number]},policy=bind" if record.nodes else ""
    return f"memory-backend-{'memfd' if huge else 'ram'},id={name},size={part.memory_mb}M{huge}{bound}"
