"""What dnsmasq is told about a network: its arguments and its files. Pure text.

Everything that changes often (hosts, options, names) is in files, which dnsmasq reads again at SIGHUP; the rest is in the
arguments, and a change there starts it anew. Only hosts that are listed get an address, so nothing has to be remembered:
dnsmasq keeps leases in memory, and after a restart it confirms (`--dhcp-authoritative`) what a guest still has.

Values of tenants end up in these files: whatever could be more than one line is left out (OSSA-2021-005), and so is a name
that dnsmasq would read as something else.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_network

from pileus.network.datapath.base import Lease, Network, Port, Subnet
from pileus.network.datapath.linux.model import Dhcp, Options

METADATA = "169.254.169.254/32"
LEASE_TIME_S = 86400
OPTION = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
HOSTNAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
KEYWORD = re.compile(r"ignore|infinite|[0-9]+[smhdw]?", re.IGNORECASE)
DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", re.IGNORECASE)
#: Names that the API takes from dnsmasq's past, and RFC names for which dnsmasq has another.
RENAMED = {"tftp-server-address": "server-ip-address", "classless-static-routes": "classless-static-route"}


def plan(network: Network, port: Port, device: str, options: Options) -> Dhcp:
    """The server of a network, which answers on `device`."""
    subnets = [subnet for subnet in network.subnets if subnet.dhcp and ":" not in subnet.cidr]
    return Dhcp(
        network_id=network.id,
        arguments=tuple(_arguments(network, subnets, device, options)),
        files={
            "hosts": _lines(line for subnet in subnets for lease in subnet.leases for line in _host(lease)),
            "options": _lines(line for subnet in subnets for line in _options(subnet, port)),
            "names": _lines(line for subnet in subnets for lease in subnet.leases for line in _name(lease, options)),
        },
    )


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines if line.isprintable())


def _arguments(network: Network, subnets: list[Subnet], device: str, options: Options) -> Iterator[str]:
    yield from (
        "--keep-in-foreground",
        "--no-hosts",
        "--no-resolv",
        "--no-poll",
        "--conf-file=/dev/null",
        "--except-interface=lo",
        "--bind-dynamic",
        f"--interface={device}",
        "--user=nobody",
        "--leasefile-ro",
        "--dhcp-authoritative",
        "--dhcp-no-override",
        "--quiet-dhcp",
        "--log-facility=-",
        "--bogus-priv",
        "--domain-needed",
        f"--dhcp-lease-max={max(1000, 2 * sum(len(subnet.leases) for subnet in subnets) // 1000 * 1000)}",
        f"--dhcp-option-force=option:mtu,{network.mtu}",
    )
    for subnet in subnets:
        net = ip_network(subnet.cidr)
        yield f"--dhcp-range=set:{tag(subnet)},{net.network_address},static,{net.netmask},{LEASE_TIME_S}s"
        # Not `set:` in the file of hosts: after a SIGHUP dnsmasq 2.90 of Debian 12 uses such a tag of a lease after it freed it.
        yield from (f"--dhcp-mac=set:{_lease_tag(lease)},{lease.mac}" for lease in subnet.leases if lease.options)
    if DOMAIN.fullmatch(options.domain):
        yield f"--domain={options.domain}"
        yield f"--local=/{options.domain}/"
    # A resolver on the host's loopback is not the namespace's.
    yield from (f"--server={resolver}" for resolver in options.resolvers if _is_ip(resolver) and not ip_address(resolver).is_loopback)


def tag(subnet: Subnet) -> str:
    return "subnet-" + ip_network(subnet.cidr).with_prefixlen.replace(".", "-").replace("/", "-")


def _hostname(lease: Lease) -> str:
    """The host's name, unless dnsmasq would take it for a lease time or a keyword."""
    return lease.hostname if HOSTNAME.fullmatch(lease.hostname) and not KEYWORD.fullmatch(lease.hostname) else ""


def _lease_tag(lease: Lease) -> str:
    return "port-" + lease.ip.replace(".", "-")


def _host(lease: Lease) -> Iterator[str]:
    if ":" in lease.ip:
        return
    name = _hostname(lease)
    yield f"{lease.mac},{lease.ip}{name and ',' + name}"


def _name(lease: Lease, options: Options) -> Iterator[str]:
    if name := _hostname(lease):
        full = f"{name}.{options.domain} " if DOMAIN.fullmatch(options.domain) else ""
        yield f"{lease.ip} {full}{name}"


def _options(subnet: Subnet, port: Port) -> Iterator[str]:
    where = f"tag:{tag(subnet)},option:"
    server = _server(subnet, port)
    dns = [one for one in subnet.dns if _is_ipv4(one)] or ([server] if server else [])
    if dns:
        yield f"{where}dns-server,{','.join(dns)}"
    if subnet.gateway:
        yield f"{where}router,{subnet.gateway}"
    else:
        yield f"{where}router"                                  # none, rather than this server
    # A client that reads the classless routes does not read the router (RFC 3442), so the default route is here too.
    routes = [f"{to},{via}" for to, via in subnet.routes if ":" not in to]
    if server:
        routes.append(f"{METADATA},{server}")
    if subnet.gateway and not any(to == "0.0.0.0/0" for to, _ in subnet.routes):
        routes.append(f"0.0.0.0/0,{subnet.gateway}")
    if routes:
        yield f"{where}classless-static-route,{','.join(routes)}"
        yield f"tag:{tag(subnet)},249,{','.join(routes)}"       # the same, for old Windows
    for lease in subnet.leases:
        for name, value in sorted(lease.options.items()):
            yield from _extra(lease, name, value)


def _extra(lease: Lease, name: str, value: str) -> Iterator[str]:
    name = RENAMED.get(name, name)
    if OPTION.fullmatch(name) and value.isprintable():
        yield f"tag:{_lease_tag(lease)},{name if name.isdigit() else 'option:' + name},{value}"


def _server(subnet: Subnet, port: Port) -> str | None:
    """The address of the DHCP port in the subnet."""
    net = ip_network(subnet.cidr)
    return next((fixed.ip for fixed in port.fixed_ips if ip_address(fixed.ip) in net), None)


def _is_ipv4(text: str) -> bool:
    return _is_ip(text) and ip_address(text).version == 4


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
