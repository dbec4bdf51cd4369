"""The drivers of a host, chosen by configuration."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec

from pileus.compute.hypervisor.base import Hypervisor
from pileus.config import CloudConfig
from pileus.core.bus import Bus
from pileus.core.clock import Clock
from pileus.core.config import ConfigInvalid
from pileus.network.datapath.base import Datapath
from pileus.network.datapath.shared import Shared

#: The folder of hosts that share a machine.
HOSTS = "hosts"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where drivers are to work: a host, and what of the cloud around it they may know."""

    name: str
    config: CloudConfig
    state: Path                             # the cloud's folder on this machine
    clock: Clock
    bus: Bus

    @property
    def home(self) -> Path:
        """The host's own folder: hosts of one machine share no file. Simulated ones have none of their own to keep apart."""
        if self.name == own_name(self.config) or self.config.compute.hypervisor == "simulated":
            return self.state
        return self.state / HOSTS / self.name


def qemu(place: Place) -> Hypervisor:
    from pileus.compute.hypervisor.qemu import Neighbours, Qemu
    from pileus.compute.model.numa import cpu_set
    from pileus.network.datapath.shared import taps

    compute, processors = place.config.compute, range(len(os.sched_getaffinity(0)))
    if compute.hosts > 1 and (compute.cpu_shared_set or compute.cpu_dedicated_set):
        raise ConfigInvalid(path="[compute.cpu_dedicated_set]", why="several hosts of one machine cannot divide its processors")
    names = host_names(place.config)
    number = names.index(place.name) if place.name in names else 0
    return Qemu(place.home, hostname=place.name, drive_format=compute.config_drive_format,
                neighbours=Neighbours(number=number, hosts=compute.hosts, taps=taps(number)),
                cpu_shared=cpu_set(compute.cpu_shared_set, processors) if compute.cpu_shared_set else None,
                cpu_dedicated=cpu_set(compute.cpu_dedicated_set, processors) if compute.cpu_dedicated_set else ())


def simulated_hypervisor(place: Place) -> Hypervisor:
    from pileus.compute.hypervisor.simulated import Simulated

    compute = place.config.compute
    if unknown := sorted(name for name in compute.host_delays if not hasattr(Simulated, name)):
        raise ConfigInvalid(path="[compute.host_delays]", why=f"a driver has no method {unknown[0]!r}")
    return Simulated(vcpus=compute.host_vcpus, memory_mb=compute.host_memory_mb, disk_gib=compute.host_disk_gib, hostname=place.name,
                     delays=compute.host_delays, sleep=place.clock.sleep, state=place.state / "simulated" / place.name)


def linux(place: Place) -> Datapath:
    """Bridges, namespaces and rules of this host; guests' metadata requests are handed to the control plane."""
    from pileus.compute.interface import CONTROL, MetadataAnswers
    from pileus.network.datapath.linux import Linux, Options
    from pileus.network.metadata.server import Metadata

    bridge, cidr = public_network(place.config, place.state)
    gateway = f"{next(ipaddress.ip_network(cidr).hosts())}/{cidr.split('/')[1]}"
    config = place.config.network
    options = Options(tag=tag(place.state), underlay=config.underlay or None, external_address={bridge: gateway}, resolvers=resolvers(),
                      domain=config.dns_domain)
    return Linux(options, listener=Metadata(MetadataAnswers.at(CONTROL, place.bus).answer))


def simulated_datapath(place: Place) -> Datapath:
    from pileus.network.datapath.simulated import Simulated

    return Simulated()


HYPERVISORS: dict[str, Callable[[Place], Hypervisor]] = {"qemu": qemu, "simulated": simulated_hypervisor}
DATAPATHS: dict[str, Callable[[Place], Datapath]] = {"linux": linux, "simulated": simulated_datapath}


class Machine:
    """The hosts of this process, and what they share of the machine that they are on: its network."""

    def __init__(self) -> None:
        self._network: Shared | None = None

    def make_host(self, place: Place) -> tuple[Hypervisor, Datapath]:
        """The drivers of one host."""
        hypervisor = HYPERVISORS[place.config.compute.hypervisor](place)
        if place.config.network.datapath == "simulated" or place.config.compute.hosts == 1:
            return hypervisor, DATAPATHS[place.config.network.datapath](place)
        if self._network is None:
            datapath = DATAPATHS[place.config.network.datapath](place)
            self._network = Shared(datapath, host_names(place.config), place.config.network.underlay)
        return hypervisor, self._network.part(place.name)


def host_names(config: CloudConfig) -> list[str]:
    """The hosts of this process: this machine, or as many as are configured to be on it."""
    own, count = own_name(config), config.compute.hosts
    return [own] if count == 1 else [f"{own}-{i:04d}" for i in range(1, count + 1)]


def former_hosts(config: CloudConfig, state: Path) -> list[str]:
    """Hosts of an earlier configuration that have left a folder here."""
    known = [folder.name for folder in sorted((state / HOSTS).glob("*"))] + ([own_name(config)] if (state / "guests").exists() else [])
    return [name for name in known if name not in host_names(config)]


def own_name(config: CloudConfig) -> str:
    """The name of this machine."""
    return config.host or socket.gethostname()


def own_address(config: CloudConfig) -> str:
    """This host's address towards others: as configured, or the one it would send from. Nothing is sent to find out."""
    if config.network.underlay:
        return config.network.underlay
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return probe.getsockname()[0]
        except OSError:
            return "127.0.0.1"


def tag(state: Path) -> str:
    """A short word that sets what this cloud makes on a host apart from what another one makes."""
    return "c" + hashlib.sha256(str(state.resolve()).encode()).hexdigest()[:4]


def public_network(config: CloudConfig, state: Path) -> tuple[str, str]:
    """The external network's bridge and addresses: as configured, or a bridge of this cloud's own and a /24 that no interface
    of this host is in. What was chosen is remembered."""
    wanted, remembered = config.bootstrap, state / "public_cidr"
    bridge = wanted.public_bridge or f"br-ex-{tag(state)}"
    if wanted.public_cidr:
        return bridge, wanted.public_cidr
    if not remembered.exists():
        remembered.write_text(_free_cidr() if config.network.datapath == "linux" else "172.24.4.0/24")
    return bridge, remembered.read_text()


def _free_cidr() -> str:
    """The first /24 from 172.24.4.0 on that overlaps with no address of this host."""
    shown = subprocess.run(["ip", "-json", "-4", "address", "show"], capture_output=True, check=True, timeout=10).stdout
    addresses = [a for link in json.loads(shown) for a in link.get("addr_info", ())]
    taken = [ipaddress.ip_network(f"{a['local']}/{a['prefixlen']}", strict=False) for a in addresses]
    candidates = (ipaddress.ip_network(f"172.24.{i}.0/24") for i in range(4, 256))
    return str(next(c for c in candidates if not any(c.overlaps(t) for t in taken)))


def resolvers() -> tuple[str, ...]:
    """The name servers of this host that guests' queries can go on to: behind a local stub, those that it asks itself."""
    found: tuple[str, ...] = ()
    for file in ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"):
        try:
            lines = Path(file).read_text().splitlines()
        except OSError:
            continue
        found = tuple(w[1] for w in map(str.split, lines) if w[:1] == ["nameserver"] and len(w) > 1 and "%" not in w[1])
        if any(not ipaddress.ip_address(ip).is_loopback for ip in found):
            return found
    return found
