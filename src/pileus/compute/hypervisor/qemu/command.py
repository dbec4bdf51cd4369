"""A guest as QEMU's arguments. Pure: it touches no file and starts nothing.

Every device has a fixed place on the PCI bus, whatever else the guest has: a saved memory only fits the machine it was
saved from, and a guest should not find its disks and interfaces renamed because another one left.

Image properties that shape the machine: `hw_machine_type`, `hw_disk_bus` (through RootDisk), `hw_vif_model` (through Nic),
`hw_cdrom_bus`, `hw_video_model`, `hw_rng_model`, `hw_rng_allowed`, `hw_cpu_sockets`/`_cores`/`_threads`, `os_command_line`
(through RootDisk). An unknown value is an error: a machine that differs silently is worse.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import re
from collections.abc import Iterator

from pileus.compute.hypervisor.base import GuestSpec, HypervisorFailed, Nic
from pileus.compute.hypervisor.qemu.layout import NICS_MAX, Folder, Record
from pileus.compute.hypervisor.qemu.probe import SANDBOX, Abilities

#: Which of QEMU's inherited descriptors is what. They are sockets that listen already when QEMU starts.
QMP_FD, SERIAL_FD = 3, 4

KERNEL_ARGS = "root=/dev/vda console=tty0 console=ttyS0,115200"

#: Cache of translated code, MiB. QEMU's default grows to a quarter of the guest's memory and more, for nothing measurable.
TRANSLATION_CACHE_MIB = 32

MACHINES = re.compile(r"(pc|q35|pc-(i440fx|q35)-\d+\.\d+)")
NIC_MODELS = {
    "virtio": "virtio-net-pci",
    "e1000": "e1000",
    "e1000e": "e1000e",
    "rtl8139": "rtl8139",
    "ne2k_pci": "ne2k_pci",
    "pcnet": "pcnet",
}
VIDEO_MODELS = {"vga": "VGA", "virtio": "virtio-vga", "cirrus": "cirrus-vga", "none": None}

#: Places on the first PCI bus. 0 and 1 are the chipset's on `pc`, 31 on `q35`.
VIDEO, ROOT, RNG, SCSI, CONFIG_DRIVE, EPHEMERAL, SWAP, PORTS, FIRST_NIC = 2, 3, 4, 5, 6, 7, 8, 9, 10


def command(record: Record, folder: Folder, host: Abilities, *, cpu: str | None = None, wake: bool = False) -> list[str]:
    """The program and its arguments. With `wake` it waits for a saved memory instead of booting."""
    guest = record.spec
    return [
        host.binary,
        "-name", f"guest={_quoted(guest.name)},debug-threads=on",
        "-uuid", guest.id,
        "-pidfile", str(folder.pid),                  # also how the process is recognised later: see `process`
        "-nodefaults", "-no-user-config",
        *(SANDBOX if host.sandbox else ()),
        "-machine", f"{_machine(guest)},usb=off",
        *_cpu(guest, host, cpu),
        "-m", str(guest.memory_mb),
        "-rtc", "base=utc,driftfix=slew",
        "-boot", "strict=on",
        "-chardev", f"socket,id=qmp,fd={QMP_FD},server=on,wait=off",
        "-mon", "chardev=qmp,mode=control",
        "-chardev", f"socket,id=serial,fd={SERIAL_FD},server=on,wait=off,logfile={_quoted(str(folder.console))},logappend=on",
        "-device", "isa-serial,chardev=serial",
        "-device", "pvpanic", "-action", "panic=pause",     # a guest that panics is seen to, and shows what it said last
        *_video(guest),
        *_rng(guest),
        *_kernel(guest),
        *_root(guest, folder),
        *_more_disks(guest, folder),
        *_ports(guest),
        *(argument for nic in guest.nics for argument in _nic(nic, record, host)),
        *(("-incoming", "defer") if wake else ()),
    ]  # fmt: skip


def netdev(nic: Nic, slot: int, host: Abilities) -> dict:
    """The host's end of an interface. The tap device is there already, and nobody runs scripts on it."""
    end = {"type": "tap", "id": f"net{slot}", "ifname": nic.device, "script": "no", "downscript": "no"}
    return {**end, "vhost": True} if host.vhost_net and nic.model == "virtio" else end


def nic_device(nic: Nic, slot: int, guest: GuestSpec) -> dict:
    """The guest's end of an interface: no boot ROM, which would only cost time, and the network's MTU where it can be told."""
    try:
        model = NIC_MODELS[nic.model]
    except KeyError:
        raise HypervisorFailed(what="make an interface", detail=f"unknown interface model {nic.model!r}") from None
    place = {"bus": f"port{slot}"} if _is_q35(guest) else {"bus": "pci.0", "addr": hex(FIRST_NIC + slot)}
    device = {"driver": model, "id": f"nic{slot}", "netdev": f"net{slot}", "mac": nic.mac, "romfile": "", **place}
    return {**device, "host_mtu": nic.mtu} if model == "virtio-net-pci" else device


def _nic(nic: Nic, record: Record, host: Abilities) -> Iterator[str]:
    slot = record.slots[nic.port_id]
    yield from ("-netdev", _options("type", netdev(nic, slot, host)))
    yield from ("-device", _options("driver", nic_device(nic, slot, record.spec)))


def _machine(guest: GuestSpec) -> str:
    machine = guest.properties.get("hw_machine_type", "pc")
    if MACHINES.fullmatch(machine) is None:
        raise HypervisorFailed(what="make the machine", detail=f"unknown machine type {machine!r}")
    return machine


def _is_q35(guest: GuestSpec) -> bool:
    return "q35" in _machine(guest)


def _cpu(guest: GuestSpec, host: Abilities, cpu: str | None) -> Iterator[str]:
    if host.kvm:
        yield from ("-accel", "kvm", "-cpu", cpu or "host")
    else:
        yield from ("-accel", f"tcg,thread=multi,tb-size={TRANSLATION_CACHE_MIB}")
        if cpu:
            yield from ("-cpu", cpu)
    shape = "".join(
        f",{part}={int(guest.properties[f'hw_cpu_{part}'])}"
        for part in ("sockets", "cores", "threads")
        if f"hw_cpu_{part}" in guest.properties
    )
    yield from ("-smp", f"{guest.vcpus}{shape}")


def _video(guest: GuestSpec) -> Iterator[str]:
    """A screen on a free loopback port, for consoles. QEMU chooses the port, and says which when it is asked."""
    model = guest.properties.get("hw_video_model", "vga")
    if model not in VIDEO_MODELS:
        raise HypervisorFailed(what="make the machine", detail=f"unknown video model {model!r}")
    yield from ("-display", "none")
    if device := VIDEO_MODELS[model]:
        yield from ("-vnc", "127.0.0.1:0,to=50000")
        yield from ("-device", f"{device},id=video,{_at(guest, VIDEO)}")


def _rng(guest: GuestSpec) -> Iterator[str]:
    """Randomness from the host. A guest without it waits for entropy while it boots."""
    if guest.properties.get("hw_rng_model", "virtio") == "virtio":
        yield from ("-object", "rng-random,id=random,filename=/dev/urandom")
        yield from ("-device", f"virtio-rng-pci,rng=random,{_at(guest, RNG)}")


def _kernel(guest: GuestSpec) -> Iterator[str]:
    if guest.root.kernel:
        yield from ("-kernel", guest.root.kernel, "-append", guest.root.kernel_args or KERNEL_ARGS)
        if guest.root.ramdisk:
            yield from ("-initrd", guest.root.ramdisk)


def _root(guest: GuestSpec, folder: Folder) -> Iterator[str]:
    """The guest's own layer, and its base by its declared format: what the files' headers claim is not looked at."""
    base: dict = {"driver": guest.root.format, "read-only": True, "file": _file(guest.root.base)}
    if guest.root.format == "qcow2":
        base["backing"] = None
    layer = {
        "driver": "qcow2",
        "node-name": "root",
        "discard": "unmap",
        "file": _file(str(folder.disk)),
        "backing": base,
    }
    yield from ("-blockdev", _json(layer))
    match guest.root.bus:
        case "virtio":
            yield from ("-device", f"virtio-blk-pci,drive=root,bootindex=1,{_at(guest, ROOT)}")
        case "scsi":
            yield from ("-device", f"virtio-scsi-pci,id=scsi,{_at(guest, SCSI)}")
            yield from ("-device", "scsi-hd,drive=root,bus=scsi.0,bootindex=1")
        case "sata" if not _is_q35(guest):            # that machine has it built in, on the bus called ide.0
            yield from ("-device", f"ahci,id=sata,{_at(guest, SCSI)}")
            yield from ("-device", "ide-hd,drive=root,bus=sata.0,bootindex=1")
        case "ide" if not _is_q35(guest):
            yield from ("-device", "ide-hd,drive=root,bus=ide.0,bootindex=1")
        case "sata":
            yield from ("-device", "ide-hd,drive=root,bus=ide.0,bootindex=1")
        case bus:
            raise HypervisorFailed(what="make the machine", detail=f"no disk bus {bus!r} on this machine")


def _more_disks(guest: GuestSpec, folder: Folder) -> Iterator[str]:
    disks = [
        ("config", folder.config_drive, CONFIG_DRIVE, guest.config_drive is not None),
        ("ephemeral", folder.ephemeral, EPHEMERAL, guest.ephemeral_gib > 0),
        ("swap", folder.swap, SWAP, guest.swap_mb > 0),
    ]
    for name, path, place, wanted in disks:
        if not wanted:
            continue
        disk = {"driver": "raw", "node-name": name, "read-only": name == "config", "file": _file(str(path))}
        yield from ("-blockdev", _json(disk))
        if name == "config" and guest.properties.get("hw_cdrom_bus") in ("ide", "sata"):
            yield from ("-device", "ide-cd,drive=config,bus=ide.1")
        else:
            yield from ("-device", f"virtio-blk-pci,drive={name},serial={name},{_at(guest, place)}")


def _ports(guest: GuestSpec) -> Iterator[str]:
    """On `q35` an interface that comes and goes needs a port of its own; eight of them share a place."""
    if _is_q35(guest):
        for port in range(NICS_MAX):
            at = f"bus=pcie.0,addr={hex(PORTS + port // 8)}.{port % 8},multifunction=on"
            yield from ("-device", f"pcie-root-port,id=port{port},chassis={port + 1},{at}")


def _at(guest: GuestSpec, place: int) -> str:
    return f"bus={'pcie.0' if _is_q35(guest) else 'pci.0'},addr={hex(place)}"


def _file(path: str) -> dict:
    return {"driver": "file", "filename": path}


def _json(value: dict) -> str:
    return json.dumps(value, ensure_ascii=False)


def _options(first: str, values: dict) -> str:
    """QEMU's comma-separated form of what QMP takes as an object: QEMU 6.2 cannot unplug devices that were given as JSON."""
    rest = (f"{key}={'on' if value is True else _quoted(str(value))}" for key, value in values.items() if key != first)
    return ",".join((values[first], *rest))


def _quoted(value: str) -> str:
    """For QEMU's comma-separated options."""
    return value.replace(",", ",,")
