"""Reading and changing the network of this host. Synchronous, for the one thread that `driver` keeps for it.

A device gets its name and its mark of ownership in one system call, after it was made under a name that says whose it is:
so a crash never leaves a device that nobody claims.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address, ip_network

from msgspec.structs import replace
from pyroute2 import IPRoute

from pileus.network.datapath.linux import diff, names, netns, ruleset
from pileus.network.datapath.linux.model import METADATA, Link, Route, Space, Vxlan
from pileus.network.datapath.linux.ruleset import Rules

TUNSETIFF, TUNSETPERSIST = 0x400454CA, 0x400454CB
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
IFF_UP = 1
MAIN_TABLE, PROTO_KERNEL, PROTO_RA = 254, 2, 9
ABSENT = {errno.ENOENT, errno.ESRCH, errno.ENODEV, errno.EADDRNOTAVAIL}    # what the kernel says of a thing that is gone already
KINDS = {"tun": "tap"}                      # what the kernel calls it → what we call it
ANY_MAC = "00:00:00:00:00:00"


class KernelRefused(Exception):
    """A change that was not made, and why."""


class Kernel:
    """The network of the namespace that plays the host, and of the namespaces beside it. Counts what it writes."""

    def __init__(self, tag: str, held: tuple[int, ...] = ()):
        """`held`: descriptors that processes which change something keep open as long as they run."""
        self.tag, self.held = tag, held
        self.writes = 0
        self.temporary = f"~{zlib.crc32(tag.encode()):08x}"

    # -- namespaces ------------------------------------------------------------------------------------------------

    def spaces(self) -> list[str]:
        """Namespaces that this cloud made."""
        return [name for name in netns.names() if name.startswith((names.DHCP, names.ROUTER)) and self._is_ours(name)]

    def _is_ours(self, space: str) -> bool:
        with self.at(space) as ip:
            return names.owner(next(iter(ip.get_links(index=1))).get_attr("IFLA_IFALIAS")) == self.tag

    def make_space(self, name: str, space: Space) -> None:
        def prepare() -> None:
            for key, value in space.sysctls.items():
                _sysctl(key, value)
            with IPRoute() as ip:
                ip.link("set", index=1, state="up", ifalias=space.alias)

        self.writes += 1
        netns.make(name, prepare)

    def remove_space(self, name: str) -> None:
        self.writes += 1
        netns.remove(name)

    @contextmanager
    def at(self, space: str) -> Iterator[IPRoute]:
        """The calling thread in the namespace, with a netlink socket to it."""
        with netns.inside(space), IPRoute() as ip:
            yield ip

    # -- reading ---------------------------------------------------------------------------------------------------

    def look(self, name: str) -> Space:
        """What is in a namespace, but for the loopback device and what the kernel adds by itself."""
        with self.at(name) as ip:
            found = {link["index"]: link for link in ip.get_links() if link.get_attr("IFLA_IFNAME") != "lo"}
            label = {index: link.get_attr("IFLA_IFNAME") for index, link in found.items()}
            addresses: dict[int, set[str]] = {}
            for address in ip.get_addr():
                text = address.get_attr("IFA_LOCAL") or address.get_attr("IFA_ADDRESS")
                if not ip_address(text).is_link_local or text == METADATA:
                    addresses.setdefault(address["index"], set()).add(f"{text}/{address['prefixlen']}")
            links = {label[index]: _link(link, label, addresses.get(index, set())) for index, link in found.items()}
            for name_, link in links.items():
                if link.kind == "vxlan":
                    links[name_] = _with_flood(ip, link, socket.if_nametoindex(name_))
            routes = frozenset(_routes(ip)) if name else frozenset()
        return Space(links=links, routes=routes)

    def rules_are(self, space: str, rules: Rules) -> bool:
        """Whether these rules, and nothing else of ours, are loaded."""
        with netns.inside(space):
            listed = subprocess.run(["nft", "list", "chains", "inet"], capture_output=True, text=True, check=False)
        table, here = f"table inet {names.table(self.tag)} {{", False
        chains = set()
        for line in listed.stdout.splitlines():
            here = line == table if line.startswith("table ") else here
            if here and line.strip().startswith("chain "):
                chains.add(line.split()[1])
        return rules.digest() in chains if rules.tables else not chains

    # -- changing --------------------------------------------------------------------------------------------------

    def load_rules(self, space: str, rules: Rules, known: Rules | None) -> None:
        """One transaction. `known`: what is loaded, if that is known. Raises KernelRefused with what nft says; the rules are
        then what they were."""
        if known and ruleset.compatible(known, rules):
            text = ruleset.delta(known, rules)
        else:
            table = names.table(self.tag)
            text = ruleset.whole(rules, () if rules.tables else (("bridge", table), ("inet", table)))
        self.writes += 1
        with netns.inside(space), _file(text) as rules_file:
            command = ["nft", "-f", f"/proc/self/fd/{rules_file}"]
            done = subprocess.run(command, capture_output=True, text=True, check=False, pass_fds=(rules_file, *self.held))
        if done.returncode:
            raise KernelRefused(f"nft: {done.stderr.strip()[:2000]}")

    def settle(self, sysctls: dict[str, str]) -> None:
        """Settings of the namespace that the thread is in; one that is so already is not written."""
        for key, value in sysctls.items():
            if netns.setting(key) != value:
                self.writes += 1
                netns.sysctl(key, value)

    def change(self, ip: IPRoute, operation: diff.Operation) -> None:
        """Carry out one operation in the namespace that the thread is in. What is done already is done."""
        self.writes += 1
        try:
            self._change(ip, operation)
        except KernelRefused:
            raise
        except Exception as failure:
            if not (_removes(operation) and getattr(failure, "code", None) in ABSENT):
                raise KernelRefused(f"{operation}: {failure}") from failure

    def _change(self, ip: IPRoute, operation: diff.Operation) -> None:
        match operation:
            case diff.DeleteLink(link=name):
                if index := _index(name):
                    ip.link("del", index=index)
            case diff.AddLink(new=link):
                self._add(ip, link)
            case diff.SetLink(link=name, set=set):
                self._set(ip, name, set)
            case diff.Address(link=name, address=address, add=add):
                interface, _, prefix = address.partition("/")
                ip.addr("replace" if add else "del", index=_index(name), address=interface, prefixlen=int(prefix))
            case diff.Flood(link=name, peer=peer, add=add):
                ip.fdb("append" if add else "del", ifindex=_index(name), lladdr=ANY_MAC, dst=peer)
            case diff.SetRoute(route=route, add=add):
                ip.route("replace" if add else "del", dst=route.destination, gateway=route.via,
                         family=socket.AF_INET6 if ":" in route.via else socket.AF_INET)  # fmt: skip
            case diff.Refuse(link=name):
                raise KernelRefused(f"{name} exists and is not of this cloud")

    def _add(self, ip: IPRoute, link: Link) -> None:
        temporary = self.temporary + "0"
        if index := _index(temporary):              # of a crash
            ip.link("del", index=index)
        with _made(ip, link, temporary):
            index = _index(temporary)
            attributes = {"mtu": link.mtu, "ifname": link.name, "ifalias": link.alias}
            if link.mac:
                attributes["address"] = link.mac
            ip.link("set", index=index, **attributes)
        if not link.addresses and not link.adopt:   # no IPv6 of the host's own on a guest's network
            _sysctl(f"ipv6/conf/{link.name}/disable_ipv6", "1")

    def _set(self, ip: IPRoute, name: str, wanted: dict) -> None:
        attributes = {}
        for field, value in wanted.items():
            match field:
                case "alias":
                    attributes["ifalias"] = value
                case "mac":
                    attributes["address"] = value
                case "mtu":
                    attributes["mtu"] = value
                case "master":
                    attributes["master"] = _index(value) if value else 0
                case "up":
                    attributes["state"] = "up" if value else "down"
        if wanted.get("filtered"):
            ip.link("set", index=_index(name), kind="bridge", br_nf_call_iptables=1, br_nf_call_ip6tables=1)
        if attributes:
            ip.link("set", index=_index(name), **attributes)


@contextmanager
def _file(text: str) -> Iterator[int]:
    """A file that only its descriptor knows. Through a pipe, nft would take a part for the whole if we ended meanwhile."""
    file = os.memfd_create("rules", os.MFD_CLOEXEC)
    try:
        with open(file, "w", closefd=False) as out:
            out.write(text)
        os.lseek(file, 0, os.SEEK_SET)
        yield file
    finally:
        os.close(file)


def _removes(operation: diff.Operation) -> bool:
    return isinstance(operation, diff.DeleteLink) or not getattr(operation, "add", True)


def _index(name: str) -> int:
    """The device's number in the thread's namespace; 0 when there is none."""
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return 0


def _sysctl(key: str, value: str) -> None:
    try:
        netns.sysctl(key, value)
    except FileNotFoundError:
        return                                      # a kernel without IPv6 needs none of its settings


@contextmanager
def _made(ip: IPRoute, link: Link, temporary: str) -> Iterator[None]:
    """The device under its temporary name. A tap vanishes with its file, unless it is made to stay in the end."""
    if link.kind == "tap":
        with open("/dev/net/tun", "r+b", buffering=0) as tun:
            flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
            fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", temporary.encode(), flags))
            yield
            fcntl.ioctl(tun, TUNSETPERSIST, 1)
        return
    more: dict[str, object]
    match link.kind:
        case "bridge":
            more = {"br_forward_delay": 0, "br_mcast_snooping": 0, "br_nf_call_iptables": 1, "br_nf_call_ip6tables": 1}
        case "vxlan" if link.vxlan:
            more = {"vxlan_id": link.vxlan.id, "vxlan_local": link.vxlan.local, "vxlan_port": link.vxlan.port, "vxlan_learning": 1}
        case "veth" if link.peer:
            space, name = link.peer
            more = {"peer": {"ifname": name, "net_ns_fd": space} if space else {"ifname": name}}
        case _:
            raise KernelRefused(f"{link.name} has lost its other end")
    ip.link("add", ifname=temporary, kind=link.kind, **more)
    yield


def _link(found, label: dict[int, str], addresses: set[str]) -> Link:
    info = found.get_attr("IFLA_LINKINFO")
    kind = info.get_attr("IFLA_INFO_KIND") if info else ""
    data = info.get_attr("IFLA_INFO_DATA") if info else None
    return Link(
        name=found.get_attr("IFLA_IFNAME"),
        kind=KINDS.get(kind, kind or ""),
        alias=found.get_attr("IFLA_IFALIAS") or "",
        mtu=found.get_attr("IFLA_MTU"),
        mac=found.get_attr("IFLA_ADDRESS"),
        master=label.get(found.get_attr("IFLA_MASTER")),
        up=bool(found["flags"] & IFF_UP),
        filtered=kind == "bridge" and data is not None and bool(data.get_attr("IFLA_BR_NF_CALL_IPTABLES")),
        vxlan=_vxlan(data) if kind == "vxlan" else None,
        addresses=frozenset(addresses),
    )


def _vxlan(data) -> Vxlan:
    local = data.get_attr("IFLA_VXLAN_LOCAL") or data.get_attr("IFLA_VXLAN_LOCAL6") or ""
    return Vxlan(id=data.get_attr("IFLA_VXLAN_ID"), local=local, port=data.get_attr("IFLA_VXLAN_PORT"))


def _with_flood(ip: IPRoute, link: Link, index: int) -> Link:
    entries = ip.fdb("dump", ifindex=index)
    flood = (entry for entry in entries if entry["ifindex"] == index and entry.get_attr("NDA_LLADDR") == ANY_MAC)
    peers = {entry.get_attr("NDA_DST") for entry in flood}
    return replace(link, flood=frozenset(peers - {None}))


def _routes(ip: IPRoute) -> Iterator[Route]:
    for family in (socket.AF_INET, socket.AF_INET6):
        for route in ip.get_routes(family=family, table=MAIN_TABLE):
            via = route.get_attr("RTA_GATEWAY")
            if via and route["proto"] not in (PROTO_KERNEL, PROTO_RA):
                everywhere = "::" if family == socket.AF_INET6 else "0.0.0.0"
                destination = ip_network(f"{route.get_attr('RTA_DST') or everywhere}/{route['dst_len']}")
                yield Route(destination=str(destination), via=via)


