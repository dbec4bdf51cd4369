"""The forms of QEMU's arguments, and the places of devices on the first PCI bus. Pure."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import re

from pileus.compute.hypervisor.base import GuestSpec, HypervisorFailed

MACHINES = re.compile(r"(pc|q35|pc-(i440fx|q35)-\d+\.\d+)")

#: 0 and 1 are the chipset's on `pc`, 31 on `q35`. Interfaces have 10 to 28 on `pc`, and 9 to 11 have their ports on `q35`.
VIDEO, ROOT, RNG, SCSI, CONFIG_DRIVE, EPHEMERAL, SWAP, PORTS, FIRST_NIC = 2, 3, 4, 5, 6, 7, 8, 9, 10
#: Where a USB controller is: on `pc` the function of the chipset that is meant for it.
USB_PC, USB_Q35 = "0x1.2", "0x1"
RESCUE, SATA, WATCHDOG, AGENT_PC = 9, 29, 30, 31
RESCUE_Q35, AGENT_Q35 = 28, 29


def machine_type(guest: GuestSpec) -> str:
    machine = guest.properties.get("hw_machine_type", "pc")
    if MACHINES.fullmatch(machine) is None:
        raise HypervisorFailed(what="make the machine", detail=f"unknown machine type {machine!r}")
    return machine


def is_q35(guest: GuestSpec) -> bool:
    return "q35" in machine_type(guest)


def is_true(value: str) -> bool:
    return value.strip().lower() in ("1", "t", "true", "on", "y", "yes")


def at(guest: GuestSpec, place: int) -> str:
    return f"bus={'pcie.0' if is_q35(guest) else 'pci.0'},addr={hex(place)}"


def as_json(value: dict) -> str:
    return json.dumps(value, ensure_ascii=False)


def options(first: str, values: dict) -> str:
    """QEMU's comma-separated form of what QMP takes as an object: QEMU 6.2 cannot unplug devices that were given as JSON."""
    rest = (f"{key}={'on' if value is True else quoted(str(value))}" for key, value in values.items() if key != first)
    return ",".join((values[first], *rest))


def quoted(value: str) -> str:
    """For QEMU's comma-separated options."""
    return value.replace(",", ",,")
