"""A guest as QEMU's arguments. Pure: it touches no file and starts nothing.

Every device has a fixed place on the PCI bus, whatever else the guest has: a saved memory only fits the machine it was
saved from, and a guest should not find its disks and interfaces renamed because another one left.

Properties that shape the machine: `hw_machine_type`, `hw_firmware_type`, `hw_boot_menu`, `hw_vif_model` (through Nic),
`hw_video_model`, `hw_video_ram`, `hw_pointer_model`, `hw_input_bus`, `hw_rng_model`, `hw_rng:rate_*`, `hw_watchdog_action`,
`hw_qemu_guest_agent`, `hw_cpu_sockets`/`_cores`/`_threads`, `hw_pmu`, `img_hide_hypervisor_id`, `hw_time_hpet`,
`hw_serial_port_count`, `os_type` (its clock), `os_command_line` (through RootDisk); those of disks are in `drives`. An unknown
value is an error: a machine that differs silently is worse.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator

from pileus.compute.hypervisor.base import GuestSpec, HypervisorFailed, Nic
from pileus.compute.hypervisor.qemu.drives import drives
from pileus.compute.hypervisor.qemu.layout import NICS_MAX, Folder, Record
from pileus.compute.hypervisor.qemu.memory import memory
from pileus.compute.hypervisor.qemu.options import (
    AGENT_PC,
    AGENT_Q35,
    FIRST_NIC,
    PORTS,
    RNG,
    USB_PC,
    USB_Q35,
    VIDEO,
    WATCHDOG,
    at,
    is_q35,
    is_true,
    machine_type,
    options,
    quoted,
)
from pileus.compute.hypervisor.qemu.probe import SANDBOX, Abilities

#: Which of QEMU's inherited descriptors is what. They are sockets that listen already when QEMU starts.
QMP_FD, SERIAL_FD, AGENT_FD = 3, 4, 5

KERNEL_ARGS = "root=/dev/vda console=tty0 console=ttyS0,115200"

#: QEMU's default processor, by its name.
EMULATED_CPU = "qemu64"

#: Cache of translated code, MiB. QEMU's default grows to a quarter of the guest's memory and more, for nothing measurable.
TRANSLATION_CACHE_MIB = 32

NIC_MODELS = {
    "virtio": "virtio-net-pci",
    "e1000": "e1000",
    "e1000e": "e1000e",
    "rtl8139": "rtl8139",
    "ne2k_pci": "ne2k_pci",
    "pcnet": "pcnet",
}
VIDEO_MODELS = {"vga": "VGA", "virtio": "virtio-vga", "cirrus": "cirrus-vga", "vmvga": "vmware-svga", "bochs": "bochs-display",
                "none": None}  # fmt: skip
#: How a model's memory is given, in MiB; the others have what they have.
VIDEO_MEMORY = {"vga": "vgamem_mb=", "vmvga": "vgamem_mb=", "bochs": "vgamem="}
#: What QEMU does when the guest does not wind its watchdog up.
WATCHDOG_ACTIONS = {"none", "pause", "poweroff", "reset"}


def command(record: Record, folder: Folder, host: Abilities, *, wake: bool = False) -> list[str]:
    """The program and its arguments. With `wake` it waits for a saved memory instead of booting."""
    guest = record.spec
    return [
        host.binary,
        "-name", f"guest={quoted(guest.name)},debug-threads=on",
        "-uuid", guest.id,
        "-pidfile", str(folder.pid),                  # also how the process is recognised later: see `process`
        "-nodefaults", "-no-user-config",
        *(SANDBOX if host.sandbox else ()),
        "-machine", _machine(record),
        *_cpu(guest, host),
        "-m", str(guest.memory_mb), *memory(record),
        "-rtc", f"base={'localtime' if guest.properties.get('os_type') == 'windows' else 'utc'},driftfix=slew",
        "-boot", f"strict=on{',menu=on' if is_true(guest.properties.get('hw_boot_menu', 'no')) else ''}",
        "-chardev", f"socket,id=qmp,fd={QMP_FD},server=on,wait=off",
        "-mon", "chardev=qmp,mode=control",
        "-chardev", f"socket,id=serial,fd={SERIAL_FD},server=on,wait=off,logfile={quoted(str(folder.console))},logappend=on",
        *_serial_ports(guest),
        "-device", "pvpanic", "-action", "panic=pause",     # who panicked shows its last words on the screen
        *_video(guest),
        *_pointer(guest),
        *_rng(guest),
        *_kernel(record),
        *_watchdog(guest),
        *_agent(guest),
        *drives(record, folder),
        *_ports(guest),
        *(argument for nic in guest.nics for argument in _nic(nic, record, host)),
        *(("-incoming", "defer") if wake else ()),
        *(("-S",) if record.incoming else ()),        # it goes on when it is told so, not when all of it is here
    ]  # fmt: skip


def _machine(record: Record) -> str:
    firmware = ",pflash0=firmware,pflash1=nvram" if record.firmware else ""
    return f"{record.machine or machine_type(record.spec)},usb=off{_switch(record.spec, 'hpet', 'hw_time_hpet')}{firmware}"


def _switch(guest: GuestSpec, name: str, prop: str) -> str:
    """A property of QEMU's, when the guest's says yes or no to it."""
    said = guest.properties.get(prop)
    return f",{name}={'on' if is_true(said) else 'off'}" if said else ""


def _serial_ports(guest: GuestSpec) -> Iterator[str]:
    """The first is the console that is logged and shown; nobody listens to the others."""
    for port in range(int(guest.properties.get("hw_serial_port_count", "1"))):
        if port:
            yield from ("-chardev", f"null,id=serial{port}")
        yield from ("-device", f"isa-serial,chardev=serial{port or ''}")


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
    place = {"bus": f"port{slot}"} if is_q35(guest) else {"bus": "pci.0", "addr": hex(FIRST_NIC + slot)}
    device = {"driver": model, "id": f"nic{slot}", "netdev": f"net{slot}", "mac": nic.mac, "romfile": "", **place}
    return {**device, "host_mtu": nic.mtu} if model == "virtio-net-pci" else device


def _nic(nic: Nic, record: Record, host: Abilities) -> Iterator[str]:
    slot = record.slots[nic.port_id]
    yield from ("-netdev", options("type", netdev(nic, slot, host)))
    yield from ("-device", options("driver", nic_device(nic, slot, record.spec)))


def _cpu(guest: GuestSpec, host: Abilities) -> Iterator[str]:
    hidden = ",kvm=off" if is_true(guest.properties.get("img_hide_hypervisor_id", "no")) else ""
    features = f"{_switch(guest, 'pmu', 'hw_pmu')}{hidden}"
    yield from ("-accel", "kvm" if host.kvm else f"tcg,thread=multi,tb-size={TRANSLATION_CACHE_MIB}")
    if host.kvm or features:
        yield from ("-cpu", f"{'host' if host.kvm else EMULATED_CPU}{features}")
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
        size = int(guest.properties.get("hw_video_ram", "0"))
        more = f",{VIDEO_MEMORY[model]}{size}{'M' if model == 'bochs' else ''}" if size and model in VIDEO_MEMORY else ""
        yield from ("-device", f"{device},id=video,{at(guest, VIDEO)}{more}")


def _pointer(guest: GuestSpec) -> Iterator[str]:
    """A tablet, which points where the viewer's pointer is; a mouse can only tell how it was moved."""
    bus = guest.properties.get("hw_input_bus") or ("usb" if guest.properties.get("hw_pointer_model") == "usbtablet" else "")
    if guest.properties.get("hw_video_model") == "none":
        return
    place = f"bus=pcie.0,addr={USB_Q35}" if is_q35(guest) else f"bus=pci.0,addr={USB_PC}"
    match bus:
        case "usb":
            controller = "qemu-xhci" if is_q35(guest) else "piix3-usb-uhci"
            yield from ("-device", f"{controller},id=usb,{place}", "-device", "usb-tablet,id=pointer,bus=usb.0")
        case "virtio":
            yield from ("-device", f"virtio-tablet-pci,id=pointer,{place}")
        case "":
            pass
        case _:
            raise HypervisorFailed(what="make the machine", detail=f"unknown input bus {bus!r}")


def _rng(guest: GuestSpec) -> Iterator[str]:
    """Randomness from the host. A guest without it waits for entropy while it boots."""
    if guest.properties.get("hw_rng_model", "virtio") == "virtio":
        yield from ("-object", "rng-random,id=random,filename=/dev/urandom")
        rate, period = (int(guest.properties.get(f"hw_rng:rate_{what}", usual)) for what, usual in (("bytes", "0"), ("period", "1000")))
        most = f",max-bytes={rate},period={period or 1000}" if rate else ""
        yield from ("-device", f"virtio-rng-pci,rng=random,{at(guest, RNG)}{most}")


def _watchdog(guest: GuestSpec) -> Iterator[str]:
    """A device that the guest's system must wind up again and again, and what happens when it does not."""
    action = guest.properties.get("hw_watchdog_action", "disabled")
    if action in WATCHDOG_ACTIONS:
        yield from ("-device", f"i6300esb,id=watchdog,{at(guest, WATCHDOG)}", "-action", f"watchdog={action}")
    elif action != "disabled":
        raise HypervisorFailed(what="make the machine", detail=f"unknown watchdog action {action!r}")


def _agent(guest: GuestSpec) -> Iterator[str]:
    """The channel to the agent inside the guest, for images that say they have one."""
    if has_agent(guest):
        yield from ("-chardev", f"socket,id=agent,fd={AGENT_FD},server=on,wait=off")
        yield from ("-device", f"virtio-serial-pci,id=channels,{at(guest, AGENT_Q35 if is_q35(guest) else AGENT_PC)}")
        yield from ("-device", "virtserialport,bus=channels.0,chardev=agent,name=org.qemu.guest_agent.0")


def has_agent(guest: GuestSpec) -> bool:
    return is_true(guest.properties.get("hw_qemu_guest_agent", "no"))


def _kernel(record: Record) -> Iterator[str]:
    root = record.rescue.root if record.rescue else record.spec.root
    if root.kernel:
        yield from ("-kernel", root.kernel, "-append", root.kernel_args or KERNEL_ARGS)
        if root.ramdisk:
            yield from ("-initrd", root.ramdisk)


def _ports(guest: GuestSpec) -> Iterator[str]:
    """On `q35` an interface that comes and goes needs a port of its own; eight of them share a place."""
    if is_q35(guest):
        for port in range(NICS_MAX):
            at = f"bus=pcie.0,addr={hex(PORTS + port // 8)}.{port % 8},multifunction=on"
            yield from ("-device", f"pcie-root-port,id=port{port},chassis={port + 1},{at}")
