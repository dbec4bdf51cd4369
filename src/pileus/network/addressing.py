"""Arithmetic of CIDRs, gateways, allocation pools and EUI-64 addresses. Pure; raises the API's own errors."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from pileus.core.errors import Invalid
from pileus.network import errors, ipam
from pileus.network.model.subnets import Pool

Net = IPv4Network | IPv6Network
_MAC = re.compile(r"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$")


def network_of(cidr: str) -> Net:
    """The network of a CIDR; host bits are dropped, as upstream does. Raises InvalidInput."""
    if "/" not in cidr:
        raise Invalid(f"Invalid input for cidr. Reason: '{cidr}' is not a valid IP subnet.")
    try:
        return ip_network(cidr, strict=False)
    except ValueError as problem:
        raise Invalid(f"Invalid input for cidr. Reason: '{cidr}' is not a valid IP subnet.") from problem


def address(text: str, what: str = "ip_address") -> str:
    """An address in its canonical spelling. Raises InvalidInput."""
    try:
        found = ip_address(text)
    except ValueError as problem:
        raise Invalid(f"Invalid input for {what}. Reason: '{text}' is not a valid IP address.") from problem
    if getattr(found, "scope_id", None):
        raise Invalid(f"Invalid input for {what}. Reason: '{text}' is not a valid IP address.")
    return str(found)


def mac(text: str) -> str:
    """A MAC address in its canonical spelling: any but zero, as in Neutron. Raises InvalidInput."""
    found = text.strip().lower().replace("-", ":")
    if not _MAC.match(found) or found == "00:00:00:00:00:00":
        raise Invalid(f"Invalid input for mac_address. Reason: '{text}' is not a valid MAC address.")
    return found


def number(text: str) -> int:
    return int(ip_address(text))


def text(number: int, version: int) -> str:
    return str(ip_address(number.to_bytes(4 if version == 4 else 16, "big")))


def hosts(net: Net) -> ipam.Range:
    """The addresses that interfaces may have: without network and broadcast address where they are such."""
    first, last = int(net.network_address), int(net.broadcast_address)
    if net.version == 4:
        return (first + 1, last - 1) if net.prefixlen < 31 else (first, last)
    return (first + 1, last) if net.prefixlen < 127 else (first, last)


def default_gateway(net: Net) -> str | None:
    """The first address; a subnet of a single address has none."""
    return text(hosts(net)[0], net.version) if net.num_addresses > 1 else None


def check_gateway(net: Net, gateway: str) -> None:
    """A gateway is no network or broadcast address of its subnet. It may lie outside, where there is nothing to check."""
    found = ip_address(gateway)
    if found.version != net.version:
        raise errors.InvalidInput(why=f"Gateway {gateway} is not an IPv{net.version} address")
    if found in net and net.version == 4 and not ipam.inside([hosts(net)], int(found)):
        raise errors.InvalidInput(why="Gateway is not valid on subnet")


def default_pools(net: Net, gateway: str | None) -> list[Pool]:
    """All addresses but the gateway."""
    used = [number(gateway)] if gateway is not None and ip_address(gateway) in net else []
    return pools_of(ipam.free([hosts(net)], used), net.version)


def pools_of(ranges: Iterable[ipam.Range], version: int) -> list[Pool]:
    return [Pool(start=text(first, version), end=text(last, version)) for first, last in ranges]


def ranges_of(pools: Iterable[Pool]) -> list[ipam.Range]:
    return [(number(pool.start), number(pool.end)) for pool in pools]


def check_pools(net: Net, pools: Iterable[Pool], gateway: str | None) -> list[Pool]:
    """The pools in order. Raises when one is upside down, out of bounds, overlaps another or holds the gateway."""
    found: list[ipam.Range] = []
    low, high = hosts(net)
    for pool in pools:
        shown = f"{pool.start}-{pool.end}"
        start, end = ip_address(address(pool.start, "allocation_pools")), ip_address(address(pool.end, "allocation_pools"))
        if start.version != net.version or end.version != net.version or int(end) < int(start):
            raise errors.InvalidAllocationPool(pool=shown)
        if int(start) < low or int(end) > high:
            raise errors.OutOfBoundsAllocationPool(pool=shown, cidr=str(net))
        for first, last in found:
            if int(start) <= last and first <= int(end):
                raise errors.OverlappingAllocationPools(
                    one=shown, other=f"{text(first, net.version)}-{text(last, net.version)}", cidr=str(net)
                )
        taken = ip_address(gateway) if gateway is not None else None
        if taken is not None and taken.version == net.version and int(start) <= int(taken) <= int(end):
            raise errors.GatewayConflictWithAllocationPools(ip=gateway, pool=shown)
        found.append((int(start), int(end)))
    return pools_of(sorted(found), net.version)


def eui64(cidr: str, mac_address: str) -> str:
    """The address that a host with this MAC address gives itself (RFC 4291, appendix A)."""
    octets = bytes.fromhex(mac_address.replace(":", ""))
    interface = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    net = ip_network(cidr)
    return text(int(net.network_address) | int.from_bytes(interface, "big"), 6)


def prefix_of(text: str, what: str) -> str:
    """A CIDR without host bits. Raises InvalidInput."""
    try:
        return str(ip_network(text))
    except ValueError as problem:
        raise Invalid(f"Invalid input for {what}. Reason: '{text}' is not a valid CIDR.") from problem
