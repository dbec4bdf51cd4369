"""The drivers of a host, chosen by configuration."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pileus.compute.hypervisor.base import Hypervisor
from pileus.config import CloudConfig
from pileus.core.clock import Clock
from pileus.network.datapath.base import Datapath

Make = Callable[[str, Clock, CloudConfig, Path], Any]


def qemu(name: str, clock: Clock, config: CloudConfig, state: Path) -> Hypervisor:
    from pileus.compute.hypervisor.qemu import Qemu

    return Qemu(state, hostname=name)


def simulated_hypervisor(name: str, clock: Clock, config: CloudConfig, state: Path) -> Hypervisor:
    from pileus.compute.hypervisor.simulated import Simulated

    compute = config.compute
    return Simulated(vcpus=compute.host_vcpus, memory_mb=compute.host_memory_mb, disk_gib=compute.host_disk_gib, hostname=name,
                     sleep=clock.sleep, state=state / "simulated" / name)


def linux(name: str, clock: Clock, config: CloudConfig, state: Path) -> Datapath:
    from pileus.network.datapath.linux import Linux

    return Linux(tag(state), state / "network")


def simulated_datapath(name: str, clock: Clock, config: CloudConfig, state: Path) -> Datapath:
    from pileus.network.datapath.simulated import Simulated

    return Simulated()


HYPERVISORS: dict[str, Make] = {"qemu": qemu, "simulated": simulated_hypervisor}
DATAPATHS: dict[str, Make] = {"linux": linux, "simulated": simulated_datapath}


def make_host(name: str, clock: Clock, config: CloudConfig, state: Path) -> tuple[Hypervisor, Datapath]:
    """The drivers of one host."""
    return HYPERVISORS[config.compute.hypervisor](name, clock, config, state), DATAPATHS[config.network.datapath](name, clock, config, state)


def host_names(config: CloudConfig) -> list[str]:
    """The hosts of this process: this machine, or as many simulated ones as are configured."""
    own, count = config.host or socket.gethostname(), config.compute.hosts
    return [own] if count == 1 else [f"{own}-{i:04d}" for i in range(1, count + 1)]


def tag(state: Path) -> str:
    """Four characters that set what this cloud makes on a host apart from what another one makes."""
    return hashlib.sha256(str(state.resolve()).encode()).hexdigest()[:4]
