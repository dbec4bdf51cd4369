"""The drivers of a host, chosen by configuration."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib
import socket
from collections.abc import Callable
from pathlib import Path

from pileus.compute.hypervisor.base import Hypervisor
from pileus.config import CloudConfig
from pileus.core.kit import Kit
from pileus.network.datapath.base import Datapath

Make = Callable[[str, Kit, CloudConfig, Path], object]


def qemu(name: str, kit: Kit, config: CloudConfig, state: Path) -> Hypervisor:
    from pileus.compute.hypervisor.qemu import Qemu

    return Qemu(state, hostname=name)


def simulated_hypervisor(name: str, kit: Kit, config: CloudConfig, state: Path) -> Hypervisor:
    from pileus.compute.hypervisor.simulated import Simulated

    compute = config.compute
    return Simulated(vcpus=compute.host_vcpus, memory_mb=compute.host_memory_mb, disk_gib=compute.host_disk_gib, hostname=name,
                     sleep=kit.clock.sleep, state=state / "simulated" / name)


def linux(name: str, kit: Kit, config: CloudConfig, state: Path) -> Datapath:
    module = importlib.import_module("pileus.network.datapath.linux")
    return module.make(name, kit, config, state)


def simulated_datapath(name: str, kit: Kit, config: CloudConfig, state: Path) -> Datapath:
    from pileus.network.datapath.simulated import Simulated

    return Simulated()


HYPERVISORS: dict[str, Make] = {"qemu": qemu, "simulated": simulated_hypervisor}
DATAPATHS: dict[str, Make] = {"linux": linux, "simulated": simulated_datapath}


def maker(config: CloudConfig, state: Path) -> Callable[[str, Kit], tuple[Hypervisor, Datapath]]:
    """What `Cloud` makes its hosts with."""

    def make(name: str, kit: Kit) -> tuple[Hypervisor, Datapath]:
        return (HYPERVISORS[config.compute.hypervisor](name, kit, config, state), DATAPATHS[config.network.datapath](name, kit, config, state))

    return make


def this_host(config: CloudConfig) -> str:
    return config.host or socket.gethostname()
