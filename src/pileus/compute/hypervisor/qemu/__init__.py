"""QEMU processes, spoken to over QMP. No daemon stands between the agent and its guests.

What is where: `layout` knows the files of a guest, `probe` what this host's QEMU can do, `command` turns a guest into
QEMU's arguments (pure), `disks` makes the files QEMU opens, `process` starts, recognises and ends processes, `qmp` speaks
the protocol, `machine` is one running QEMU, `driver` the contract on top.

Invariants:
- A guest's truth is its folder and its process; the driver's memory can be lost at any moment.
- The record (`spec.json`) is written after the disks and before the process: a folder without one is half made.
- No process is signalled by a number: only through a pidfd, opened while the process proved to be this guest's.
- QEMU never guesses a format, and never opens a file that the record does not name.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.compute.hypervisor.qemu.driver import Qemu
from pileus.compute.hypervisor.qemu.neighbours import Neighbours

__all__ = ["Neighbours", "Qemu"]
