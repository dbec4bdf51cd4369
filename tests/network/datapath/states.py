"""Wanted states for tests: small, numbered, and with addresses that say what they belong to.

Network n has subnet 10.<20+n>.0.0/24, its DHCP port at .2, its gateway at .1, and guest k of it at .<10+k>.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os

from msgspec.structs import replace

from pileus.network.datapath.base import (
    FixedIP,
    FloatingIP,
    Gateway,
    Group,
    HostNetworks,
    Lease,
    Network,
    Port,
    Router,
    Rule,
    Subnet,
    tap_name,
)

OPEN = Group(
    id="9a000000-0000-4000-8000-000000000001",
    rules=(
        Rule(direction="ingress"),
        Rule(direction="egress"),
        Rule(direction="ingress", ethertype="IPv6"),
        Rule(direction="egress", ethertype="IPv6"),
    ),
)


def identity(kind: int, n: int, k: int = 0) -> str:
    """A UUID whose first eleven characters tell things of one kind apart: device names are made of them. The rest is this
    process's, so that two runs of the tests on one machine do not meet in the names of namespaces."""
    return f"{kind:02x}{n:04x}{k:02x}-{k:02x}00-4000-8000-{os.getpid():012x}"


def guest(n: int, k: int, *, groups: tuple[str, ...] = (OPEN.id,), net: int | None = None, **fields) -> Port:
    """Guest k of network n; with `net`, its addresses are those of that network's range."""
    id = identity(0xAA, n, k)
    return Port(
        **{
            "id": id,
            "network_id": identity(0xBB, n),
            "mac": f"fa:16:3e:{n:02x}:00:{k:02x}",
            "fixed_ips": (FixedIP(ip=f"10.{20 + (n if net is None else net)}.0.{10 + k}", prefix=24, subnet_id=identity(0xCC, n)),),
            "device": tap_name(id),
            "groups": groups,
            **fields,
        }
    )


def network(n: int, *guests: Port, net: int | None = None, dhcp: bool = True, **fields) -> Network:
    """Network n with a lease for each of its guests."""
    prefix = f"10.{20 + (n if net is None else net)}.0"
    addresses = {port.mac: port.fixed_ips[0].ip for port in guests}
    leases = tuple(Lease(mac=mac, ip=ip, hostname=f"guest-{ip.rpartition('.')[2]}") for mac, ip in addresses.items())
    subnet = Subnet(id=identity(0xCC, n), cidr=f"{prefix}.0/24", gateway=f"{prefix}.1", dhcp=dhcp, leases=leases)
    port = Port(
        id=identity(0xDD, n),
        network_id=identity(0xBB, n),
        mac=f"fa:16:3e:{n:02x}:ff:02",
        fixed_ips=(FixedIP(ip=f"{prefix}.2", prefix=24, subnet_id=subnet.id),),
        security=False,
    )
    return Network(**{"id": identity(0xBB, n), "subnets": (subnet,), "dhcp_port": port if dhcp else None, **fields})


def host(*networks: int, guests: int = 1, groups: tuple[Group, ...] = (OPEN,), dhcp: bool = False) -> HostNetworks:
    """Networks with some guests each, open to everything."""
    ports = {n: [guest(n, k) for k in range(guests)] for n in networks}
    return HostNetworks(
        networks=tuple(network(n, *ports[n], dhcp=dhcp) for n in networks),
        ports=tuple(port for n in networks for port in ports[n]),
        groups=groups,
    )


def router(n: int, *networks: int, external: Network | None = None, floating: dict[str, str] | None = None, **fields) -> Router:
    """Router n at the gateway addresses of the networks; with `external`, with a way out at .<100+n> of that network."""
    interfaces = tuple(
        Port(
            id=identity(0xEE, n, m),
            network_id=identity(0xBB, m),
            mac=f"fa:16:3e:{m:02x}:ee:{n:02x}",
            fixed_ips=(FixedIP(ip=f"10.{20 + m}.0.1", prefix=24, subnet_id=identity(0xCC, m)),),
            security=False,
        )
        for m in networks
    )
    gateway = None
    if external:
        subnet = external.subnets[0]
        address = FixedIP(ip=f"{subnet.cidr.rpartition('.')[0]}.{100 + n}", prefix=24, subnet_id=subnet.id)
        mac = f"fa:16:3e:ef:ef:{n:02x}"
        port = Port(id=identity(0xEF, n), network_id=external.id, mac=mac, fixed_ips=(address,), security=False)
        gateway = Gateway(port=port, network_id=external.id, next_hops=(subnet.gateway or "",))
    addresses = tuple(FloatingIP(id=identity(0xF1, n, i), floating=a, fixed=b) for i, (a, b) in enumerate((floating or {}).items()))
    return Router(**{"id": identity(0xE0, n), "interfaces": interfaces, "gateway": gateway, "floating_ips": addresses, **fields})


def without(wanted: HostNetworks, *ports: str) -> HostNetworks:
    return replace(wanted, ports=tuple(port for port in wanted.ports if port.id not in ports))
