"""What a guest's machine is like: the image's `hw_*` and `os_*` properties and the flavor's extra specs made into one answer.

Drivers get the result as `GuestSpec.properties`: normalized image properties, and the flavor's `quota:` limits under their own
names. Where both say something the flavor's word counts, except for what Nova lets the image choose (the watchdog). What
concerns the inside of the host is in `numa`. Pure.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from pileus.compute.errors import HardwareInvalid
from pileus.compute.model.extra_specs import Anything, Kind, Like, OneOf, Whole, YesNo, faults, is_true
from pileus.compute.model.numa import SMALL, SMALL_KIB, dedicated, guest_cells

#: Image properties with a meaning → the values they take. Others are free.
PROPERTIES: dict[str, Kind] = {
    "hw_boot_menu": YesNo(),
    "hw_cdrom_bus": OneOf(("fdc", "ide", "sata", "scsi", "usb", "virtio", "xen", "lxc", "uml")),
    "hw_cpu_cores": Whole(1),
    "hw_cpu_max_cores": Whole(1),
    "hw_cpu_max_sockets": Whole(1),
    "hw_cpu_max_threads": Whole(1),
    "hw_cpu_policy": OneOf(("shared", "dedicated", "mixed")),
    "hw_cpu_sockets": Whole(1),
    "hw_cpu_thread_policy": OneOf(("prefer", "isolate", "require")),
    "hw_cpu_threads": Whole(1),
    "hw_disk_bus": OneOf(("fdc", "ide", "sata", "scsi", "usb", "virtio", "xen", "lxc", "uml")),
    "hw_firmware_type": OneOf(("bios", "uefi")),
    "hw_input_bus": OneOf(("usb", "virtio")),
    "hw_locked_memory": YesNo(),
    "hw_machine_type": Like(r"[A-Za-z0-9._-]+"),
    "hw_mem_page_size": Like(r"(large|small|any|\d+([kKMGT]i?)?(b|bit|B)?)"),
    "hw_numa_nodes": Whole(1),
    "hw_pmu": YesNo(),
    "hw_pointer_model": OneOf(("usbtablet",)),
    "hw_qemu_guest_agent": YesNo(),
    "hw_redirected_usb_ports": Whole(0, 15),
    "hw_rescue_bus": OneOf(("fdc", "ide", "sata", "scsi", "usb", "virtio")),
    "hw_rescue_device": OneOf(("cdrom", "disk", "floppy")),
    "hw_rng_model": OneOf(("virtio",)),
    "hw_scsi_model": OneOf(("buslogic", "ibmvscsi", "lsilogic", "lsisas1068", "lsisas1078", "virtio-scsi", "vmpvscsi")),
    "hw_serial_port_count": Whole(0, 4),
    "hw_sound_model": OneOf(("sb16", "es1370", "pcspk", "ac97", "ich6", "ich9", "usb", "virtio")),
    "hw_time_hpet": YesNo(),
    "hw_usb_model": OneOf(("none", "nec-xhci", "qemu-xhci")),
    "hw_video_model": OneOf(("cirrus", "gop", "none", "qxl", "vga", "virtio", "vmvga", "xen", "bochs")),
    "hw_video_ram": Whole(0),
    "hw_vif_model": OneOf(("e1000", "e1000e", "lan9118", "ne2k_pci", "netfront", "pcnet", "rtl8139", "spapr-vlan", "sriov", "virtio",
                           "vmxnet", "vmxnet3", "igb")),
    "hw_vif_multiqueue_enabled": YesNo(),
    "hw_watchdog_action": OneOf(("none", "pause", "poweroff", "reset", "disabled")),
    "img_config_drive": OneOf(("mandatory", "optional")),
    "img_hide_hypervisor_id": YesNo(),
    "os_command_line": Anything(),
    "os_require_quiesce": YesNo(),
    "os_secure_boot": OneOf(("disabled", "optional", "required")),
    "os_shutdown_timeout": Whole(1),
}  # fmt: skip

#: Extra spec → property, where the flavor's word counts when it says something.
_FLAVOR_FIRST = {"hw:cpu_thread_policy": "hw_cpu_thread_policy", "os:secure_boot": "os_secure_boot", "hw:boot_menu": "hw_boot_menu"}

#: Extra specs and the property that says the same: when both say something, they must agree.
_AGREED = (("hw:pmu", "hw_pmu"), ("hw:hide_hypervisor_id", "img_hide_hypervisor_id"), ("hide_hypervisor_id", "img_hide_hypervisor_id"))

#: Our own word to drivers: which of a guest's CPUs get processors for themselves. No image can say it.
DEDICATED = "hw_cpu_dedicated"
#: Likewise: its NUMA cells, "0,1:512;2,3:512": CPUs and MiB.
NUMA = "hw_numa"
#: Likewise: which pages its memory is made of, when not small ones.
PAGES = "hw_pages"

_SHAPE = ("sockets", "cores", "threads")
_UNBOUNDED = 65536


class Shape(msgspec.Struct, frozen=True):
    """How a guest's processors are arranged."""

    sockets: int
    cores: int
    threads: int


def properties(image: Mapping[str, str], extra_specs: Mapping[str, str], vcpus: int, memory_mb: int) -> dict[str, str]:
    """The properties of one guest. Raises HardwareInvalid for a value that makes no sense, or a contradiction."""
    if profile := extra_specs.get("accel:device_profile"):
        raise HardwareInvalid(why=f"Device profile {profile} could not be found: this cloud has no service of accelerators.")
    wanted = {name: value for name, value in image.items() if _concerns(name)}
    for name, value in image.items():
        for why in faults(PROPERTIES[name], value) if name in PROPERTIES else ():
            raise HardwareInvalid(why=f"Invalid image property {name}: {why}")
    if "q35" in wanted.get("hw_machine_type", "") and wanted.get("hw_disk_bus") == "ide":
        raise HardwareInvalid(why="Invalid image property hw_disk_bus: a q35 machine has no IDE disks.")
    wanted |= {name: extra_specs[spec] for spec, name in _FLAVOR_FIRST.items() if extra_specs.get(spec)}
    wanted |= _agreed(wanted, extra_specs)
    if ports := _serial_ports(wanted, extra_specs):
        wanted["hw_serial_port_count"] = ports
    cells = guest_cells(vcpus, memory_mb, extra_specs, image)
    if cells and cells[0].pages not in (SMALL, SMALL_KIB):
        wanted[PAGES] = str(cells[0].pages)
    if cells:
        wanted[NUMA] = ";".join(f"{','.join(map(str, cell.cpus))}:{cell.memory_mb}" for cell in cells)
    if own := dedicated(vcpus, extra_specs, image):
        wanted[DEDICATED] = ",".join(map(str, sorted(own)))
    wanted.setdefault("hw_watchdog_action", extra_specs.get("hw:watchdog_action", "disabled"))
    if not is_true(extra_specs.get("hw_rng:allowed", "true")):
        wanted["hw_rng_model"] = "none"
    wanted |= {name: value for name, value in extra_specs.items() if name.startswith(("quota:", "hw_rng:rate_"))}
    _check_video(wanted.get("hw_video_ram", "0"), extra_specs.get("hw_video:ram_max_mb", "0"))
    shape = _shape(wanted, extra_specs, vcpus)
    return wanted | ({f"hw_cpu_{part}": str(getattr(shape, part)) for part in _SHAPE} if shape else {})


def _concerns(name: str) -> bool:
    return name.startswith(("hw_", "os_", "img_hide_")) and name not in (DEDICATED, NUMA, PAGES)


def _agreed(image: Mapping[str, str], flavor: Mapping[str, str]) -> dict[str, str]:
    """What only one of the two may decide, or both when they say the same."""
    found = {}
    for spec, name in _AGREED:
        if said := flavor.get(spec):
            if name in image and is_true(image[name]) != is_true(said):
                raise HardwareInvalid(why=f"Image property '{name}' is not permitted to override the flavor's extra spec '{spec}'.")
            found[name] = said
    return found


def _serial_ports(image: Mapping[str, str], flavor: Mapping[str, str]) -> str | None:
    """An image may ask for fewer than the flavor allows, not for more."""
    most, asked = flavor.get("hw:serial_port_count"), image.get("hw_serial_port_count")
    for why in faults(PROPERTIES["hw_serial_port_count"], most) if most else ():
        raise HardwareInvalid(why=f"Invalid extra spec hw:serial_port_count: {why}")
    if most and asked and int(asked) > int(most):
        raise HardwareInvalid(why=f"Number of serial ports '{asked}' specified in 'hw_serial_port_count' exceeds the maximum allowed "
                                  f"by flavor '{most}'.")
    return asked or most


def _check_video(wanted: str, most: str) -> None:
    """An image gets as much memory for its screen as the flavor allows, which is none by default."""
    if int(wanted) > (int(most) if most.isdecimal() else 0):
        raise HardwareInvalid(why=f"The requested amount of video memory {wanted} is higher than the maximum allowed by flavor {most}.")


def _shape(image: Mapping[str, str], flavor: Mapping[str, str], vcpus: int) -> Shape | None:
    """The arrangement that keeps the limits and has most of what is wanted; None when nobody wants anything."""
    wanted, limits = {}, {}
    for part in _SHAPE:
        if value := flavor.get(f"hw:cpu_{part}") or image.get(f"hw_cpu_{part}"):
            wanted[part] = _whole(f"cpu_{part}", value)
        limits[part] = _limit(part, image, flavor)
    if not wanted and all(limit == _UNBOUNDED for limit in limits.values()):
        return None
    possible = [shape for shape in _arrangements(vcpus) if all(getattr(shape, part) <= limits[part] for part in _SHAPE)]
    if not possible:
        raise HardwareInvalid(why=f"Requested vCPU limits {':'.join(str(limits[p]) for p in _SHAPE)} are impossible to satisfy "
                                  f"for vcpus count {vcpus}.")
    return max(possible, key=lambda shape: (sum(getattr(shape, part) == wanted.get(part) for part in _SHAPE), shape.sockets, shape.cores))


def _limit(part: str, image: Mapping[str, str], flavor: Mapping[str, str]) -> int:
    """An image may ask for less than the flavor's limit, not for more."""
    most = _whole(f"cpu_max_{part}", flavor.get(f"hw:cpu_max_{part}", str(_UNBOUNDED)))
    asked = _whole(f"cpu_max_{part}", image.get(f"hw_cpu_max_{part}", str(most)))
    if asked > most:
        raise HardwareInvalid(why=f"Image vCPU limits: {asked} {part} exceed the permitted {most}.")
    return asked


def _whole(name: str, value: str) -> int:
    """Extra specs may have been written before they were checked."""
    if re.fullmatch(r"\s*\+?\d+\s*", value) is None or int(value) < 1:
        raise HardwareInvalid(why=f"{name} is '{value}', which is not a positive number.")
    return int(value)


def _arrangements(vcpus: int) -> Iterator[Shape]:
    for threads in (n for n in range(1, vcpus + 1) if vcpus % n == 0):
        cores_times_sockets = vcpus // threads
        for cores in (n for n in range(1, cores_times_sockets + 1) if cores_times_sockets % n == 0):
            yield Shape(cores_times_sockets // cores, cores, threads)
