"""A guest's disks as QEMU's arguments: which there are, on which bus, from which to boot, how fast. Pure.

The guest's own root disk is always the node `root`, wherever it is plugged in: snapshots name it. Properties that count here:
`hw_disk_bus` (through RootDisk), `hw_cdrom_bus`, `hw_scsi_model`, and the flavor's `quota:disk_*`.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from pileus.compute.hypervisor.base import GuestSpec, HypervisorFailed, RootDisk
from pileus.compute.hypervisor.qemu.layout import Folder, Record
from pileus.compute.hypervisor.qemu.options import (
    CONFIG_DRIVE,
    EPHEMERAL,
    RESCUE,
    RESCUE_Q35,
    ROOT,
    SATA,
    SCSI,
    SWAP,
    as_json,
    at,
    is_q35,
)

SCSI_MODELS = {
    "virtio-scsi": "virtio-scsi-pci",
    "lsilogic": "lsi53c895a",
    "lsisas1068": "mptsas1068",
    "lsisas1078": "megasas",
    "vmpvscsi": "pvscsi",
}

#: Place on the PCI bus → port of an IDE or SATA controller.
PORTS = {ROOT: 0, EPHEMERAL: 1, CONFIG_DRIVE: 2, SWAP: 3, RESCUE: 4, RESCUE_Q35: 4}

#: The flavor's limit → QEMU's name of it.
LIMITS = {
    "quota:disk_read_bytes_sec": "bps-read",
    "quota:disk_write_bytes_sec": "bps-write",
    "quota:disk_total_bytes_sec": "bps-total",
    "quota:disk_read_iops_sec": "iops-read",
    "quota:disk_write_iops_sec": "iops-write",
    "quota:disk_total_iops_sec": "iops-total",
}


class Drive(msgspec.Struct, frozen=True, kw_only=True):
    """A disk: its tree of nodes, and where the guest finds it."""

    node: dict
    place: int
    bus: str
    boot: bool = False
    cdrom: bool = False
    serial: bool = False                    # the guest can tell it by its name

    @property
    def name(self) -> str:
        return self.node["node-name"]


def drives(record: Record, folder: Folder) -> Iterator[str]:
    """The arguments for all disks of a guest."""
    guest = record.spec
    limits = {LIMITS[name]: int(value) for name, value in guest.properties.items() if name in LIMITS and int(value)}
    plugged = list(_drives(record, folder))
    yield from _firmware(record, folder)
    yield from _controllers(guest, {drive.bus for drive in plugged})
    for drive in plugged:
        name = drive.name
        yield from ("-blockdev", as_json(drive.node))
        if limits and not drive.node.get("read-only"):
            yield from ("-object", as_json({"qom-type": "throttle-group", "id": f"limits-{name}", "limits": limits}))
            limited = {"driver": "throttle", "node-name": f"{name}-limited", "throttle-group": f"limits-{name}", "file": name}
            yield from ("-blockdev", as_json(limited))
            name = f"{name}-limited"
        yield from ("-device", _device(drive, name, guest))


def layer(name: str, file: Path, disk: RootDisk) -> dict:
    """A copy-on-write layer and its base, by their declared formats: what the files' headers claim is not looked at.

    Without a base it stands alone: it came from another host."""
    base: dict = {"driver": disk.format, "read-only": True, "file": _file(disk.base)}
    if disk.format == "qcow2":
        base["backing"] = None
    node = {"driver": "qcow2", "node-name": name, "discard": "unmap", "file": _file(str(file))}
    return {**node, "backing": base if disk.base else None}


def _drives(record: Record, folder: Folder) -> Iterator[Drive]:
    """Rescued, a guest has its own root disk second and no more of its own; or, when that is `stable`, everything in its place."""
    guest, rescue = record.spec, record.rescue
    root = layer("root", folder.disk, guest.root)
    behind = RESCUE_Q35 if is_q35(guest) else RESCUE
    if rescue and not rescue.stable:
        yield Drive(node=layer("rescue", folder.rescue, rescue.root), place=ROOT, bus=rescue.root.bus, boot=True)
        yield Drive(node=root, place=EPHEMERAL, bus=guest.root.bus)
    else:
        yield Drive(node=root, place=ROOT, bus=guest.root.bus, boot=not rescue)
        if guest.ephemeral_gib:
            yield Drive(node=_raw("ephemeral", folder.ephemeral), place=EPHEMERAL, bus=guest.root.bus, serial=True)
        if guest.swap_mb:
            yield Drive(node=_raw("swap", folder.swap), place=SWAP, bus=guest.root.bus, serial=True)
        if rescue:
            cdrom = rescue.device == "cdrom"
            node = layer("rescue", folder.rescue, rescue.root)
            yield Drive(node=node, place=behind, bus=rescue.root.bus, boot=True, cdrom=cdrom)
    if record.config_drive is not None:
        cdrom_bus = guest.properties.get("hw_cdrom_bus", "virtio")
        yield Drive(node=_raw("config", folder.config_drive, read_only=True), place=CONFIG_DRIVE, bus=cdrom_bus,
                    cdrom=cdrom_bus != "virtio", serial=True)  # fmt: skip


def _controllers(guest: GuestSpec, buses: set[str]) -> Iterator[str]:
    if "scsi" in buses:
        model = guest.properties.get("hw_scsi_model", "virtio-scsi")
        if model not in SCSI_MODELS:
            raise HypervisorFailed(what="make the machine", detail=f"no SCSI controller {model!r} on this machine")
        yield from ("-device", f"{SCSI_MODELS[model]},id=scsi,{at(guest, SCSI)}")
    if "sata" in buses and not is_q35(guest):         # that machine has it built in, on the buses called ide
        yield from ("-device", f"ahci,id=sata,{at(guest, SATA)}")


def _device(drive: Drive, node: str, guest: GuestSpec) -> str:
    kind, port = "cd" if drive.cdrom else "hd", PORTS[drive.place]
    match drive.bus:
        case "virtio" if not drive.cdrom:
            device = f"virtio-blk-pci,drive={node}"
            where = at(guest, drive.place)
        case "scsi":
            device, where = f"scsi-{kind},drive={node}", f"bus=scsi.0,scsi-id={port}"
        case "sata":
            device, where = f"ide-{kind},drive={node}", f"bus={'ide' if is_q35(guest) else 'sata'}.{port}"
        case "ide" if not is_q35(guest) and port < 4:
            device, where = f"ide-{kind},drive={node}", f"bus=ide.{port // 2},unit={port % 2}"
        case "ide" if drive.cdrom and port < 6:       # what images mean by it: any drive that every system knows
            device, where = f"ide-cd,drive={node}", f"bus=ide.{port}"
        case bus:
            raise HypervisorFailed(what="make the machine", detail=f"no {kind} on a disk bus {bus!r} on this machine")
    return f"{device}{',bootindex=1' if drive.boot else ''}{f',serial={drive.name}' if drive.serial else ''},{where}"


def _firmware(record: Record, folder: Folder) -> Iterator[str]:
    """UEFI's code, which all guests share, and the variables of this one."""
    if record.firmware:
        yield from ("-blockdev", as_json(_raw("firmware", Path(record.firmware), read_only=True)))
        yield from ("-blockdev", as_json(_raw("nvram", folder.nvram)))


def _raw(name: str, file: Path, *, read_only: bool = False) -> dict:
    return {"driver": "raw", "node-name": name, "read-only": read_only, "file": _file(str(file))}


def _file(path: str) -> dict:
    return {"driver": "file", "filename": path}
