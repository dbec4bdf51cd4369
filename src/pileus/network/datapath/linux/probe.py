"""What this machine can do for the Linux datapath, by trying it, and what to do about what it cannot.

Everything is tried in a nameless network namespace that ends with the thread that made it: nothing on the host is touched,
but for the br_netfilter module, which is loaded if it can be.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import msgspec

from pileus.network.datapath.base import Group, HostNetworks, Network, Port, Rule, tap_name
from pileus.network.datapath.linux import netns
from pileus.network.datapath.linux.diff import AddLink
from pileus.network.datapath.linux.layout import plan
from pileus.network.datapath.linux.model import Link, Options, Vxlan

WORKS = "Works."
INSTALL = "apt-get install --no-install-recommends nftables dnsmasq-base"


class Capability(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    works: bool
    needed: bool = True                     # whether there is no Linux datapath without it
    says: str = ""                          # what it is for, or what to do


def probe() -> list[Capability]:
    """Try everything; takes about a tenth of a second, and imports pyroute2. Never raises."""
    return [*_tools(), *ThreadPoolExecutor(1).submit(_in_a_namespace).result(), *_neighbours()]


def _tools() -> Iterator[Capability]:
    root = os.geteuid() == 0
    yield Capability(name="root", works=root, says=WORKS if root else "The network agent needs root: use sudo, or --simulated.")
    for tool, purpose in (("nft", "security groups and NAT"), ("dnsmasq", "DHCP")):
        found = shutil.which(tool)
        yield Capability(name=tool, works=bool(found), says=found or f"{tool} is missing, it does {purpose}: {INSTALL}")


def _in_a_namespace() -> list[Capability]:
    """On a thread of its own, which ends in the namespace."""
    from pileus.network.datapath.linux.kernel import Kernel

    failed = _tried(lambda: netns.leave_for_good())
    found = [Capability(name="network namespaces", works=not failed, says=failed or "Networks and routers are kept apart by them.")]
    if failed:
        return found
    kernel = Kernel("probe")
    tries: list[tuple[str, bool, Callable[[], object], str]] = [
        *((link.kind, link.kind != "vxlan", lambda link=link: _add(kernel, link), WITHOUT[link.kind]) for link in LINKS),
        ("br_netfilter", True, _bridge_filter, "Security groups need it: modprobe br_netfilter, or a kernel with CONFIG_BRIDGE_NETFILTER."),
        ("nftables rules", True, lambda: kernel.load_rules("", _rules(), None), "The kernel lacks a part of nftables that the rules need."),
    ]
    for name, needed, do, advice in tries:
        why = _tried(do)
        found.append(Capability(name=name, works=not why, needed=needed, says=f"{advice} ({why})" if why else WORKS))
    return found


LINKS = (
    Link(name="probebr", kind="bridge"),
    Link(name="probeveth", kind="veth", peer=("", "probepeer")),
    Link(name="probetap", kind="tap"),
    Link(name="probevx", kind="vxlan", vxlan=Vxlan(id=77, local="127.0.0.1", port=4789)),
)
WITHOUT = {
    "bridge": "Networks are bridges: modprobe bridge.",
    "veth": "DHCP and routers are plugged in by veth pairs: modprobe veth.",
    "tap": "Guests are plugged in by tap devices: modprobe tun, and see that /dev/net/tun exists.",
    "vxlan": "Networks that span hosts need it, networks on one host do not: modprobe vxlan.",
}


def _add(kernel, link: Link) -> None:
    with kernel.at("") as ip:
        kernel.change(ip, AddLink(link=link.name, new=link))


def _bridge_filter() -> None:
    with suppress(OSError):
        subprocess.run(["modprobe", "br_netfilter"], capture_output=True, check=False)
    netns.setting("bridge/bridge-nf-call-iptables")


def _rules():
    """The rules of a host with one guest and one external network: every expression that is ever used."""
    group = Group(id="g", rules=(Rule(direction="ingress", protocol="tcp", port_min=22, port_max=23, remote_group="g"),))
    port = Port(id="p" * 11, network_id="n", mac="fa:16:3e:00:00:01", device=tap_name("p" * 11), groups=("g",))
    networks = (Network(id="n"), Network(id="e", physical="br-ex"))
    wanted = HostNetworks(networks=networks, ports=(port,), groups=(group,), members={"g": ("10.0.0.0/8",)})
    return plan(wanted, Options(tag="probe", external_address={"br-ex": "172.24.4.1/24"}), {"n": 1}).host.rules


def _neighbours() -> Iterator[Capability]:
    """Another firewall whose default is to drop what is forwarded also drops what our bridges forward."""
    listed = ""
    with suppress(OSError):
        listed = subprocess.run(["nft", "list", "chains"], capture_output=True, text=True, check=False).stdout
    blocking, table, chain = [], "", ""
    for line in (line.strip() for line in listed.splitlines()):
        if line.startswith("table "):
            table = line.removeprefix("table ").removesuffix(" {")
        elif line.startswith("chain "):
            chain = line.split()[1]
        elif "hook forward" in line and "policy drop" in line and not table.startswith("bridge"):
            blocking.append(f"{table} {chain}")
    advice = f"{', '.join(blocking)} drops what is forwarded (Docker and some firewalls do this), between guests too. " \
             "Let it accept what comes in by brq+ and goes out by brq+, and the same for external bridges."  # fmt: skip
    yield Capability(name="other firewalls", works=not blocking, needed=False, says=advice if blocking else "None is in the way.")


def _tried(do: Callable[[], object]) -> str:
    """Why it did not work; nothing when it did."""
    try:
        do()
    except Exception as failure:
        return str(failure) or type(failure).__name__
    return ""


