"""What the kernel has to hold for a wanted state: namespaces with links, addresses, routes, sysctls and rules. Pure.

The same types say what the kernel does hold (`kernel.look`), so that `diff` compares like with like.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from ipaddress import ip_address, ip_interface

import msgspec

from pileus.network.datapath.base import HostNetworks, Listen, Network, Port, Router, tap_name, wireable
from pileus.network.datapath.linux import dhcp, names, nat, security
from pileus.network.datapath.linux.model import METADATA, Dhcp, Layout, Link, Options, Route, Space, Vxlan

DHCP_SYSCTLS = {
    "ipv4/ip_forward": "0",
    "ipv4/conf/all/promote_secondaries": "1",       # an address that goes leaves its neighbours in the subnet alone
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
    "ipv6/conf/all/disable_ipv6": "1",
    "ipv6/conf/default/disable_ipv6": "1",
}
ROUTER_SYSCTLS = {
    "ipv4/ip_forward": "1",
    "ipv4/conf/all/promote_secondaries": "1",
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
    "ipv4/conf/all/arp_ignore": "1",        # answer only for addresses of the interface that was asked
    "ipv4/conf/all/arp_announce": "2",
    "ipv4/conf/all/send_redirects": "0",
    "ipv4/conf/default/send_redirects": "0",
    "ipv6/conf/all/forwarding": "1",
    "ipv6/conf/all/accept_ra": "0",
    "ipv6/conf/default/accept_ra": "0",
}


def plan(wanted: HostNetworks, options: Options, zones: dict[str, int], guard: security.Guard | None = None) -> Layout:
    """The layout of a host. `zones`: the conntrack zone of each network that is not physical. A `guard` that has rendered the
    layout before does it again sooner."""
    plan = _Plan(wanted, options, zones, guard or security.Guard())
    for network in wanted.networks:
        plan.network(network)
    for port in wireable(wanted):
        plan.guest(port)
    for router in wanted.routers:
        if router.up:
            plan.router(router)
    return plan.done()


class _Plan:
    """A layout in the making."""

    def __init__(self, wanted: HostNetworks, options: Options, zones: dict[str, int], guard: security.Guard):
        self.wanted, self.options, self.zones, self.guard = wanted, options, zones, guard
        self.networks = {network.id: network for network in wanted.networks}
        self.links: dict[str, Link] = {}
        self.spaces: dict[str, Space] = {}
        self.dhcp: dict[str, Dhcp] = {}
        self.listen: dict[str, Listen] = {}
        self.devices: dict[str, str] = {}

    def bridge(self, network_id: str) -> str:
        return self.networks[network_id].physical or names.bridge(network_id)

    def network(self, network: Network) -> None:
        bridge = self.bridge(network.id)
        address = self.options.external_address.get(network.physical or "")
        self.links[bridge] = Link(
            name=bridge,
            kind="bridge",
            alias=names.alias(self.options.tag, network.id, self.zones.get(network.id)),
            mtu=network.mtu,
            mac=names.bridge_mac(self.options.tag, network.id),
            filtered=True,
            adopt=network.physical is not None,
            addresses=frozenset((address,) if address else ()),
        )
        if network.segmentation_id is not None and network.peers and self.options.underlay:
            self.tunnel(network, bridge, network.segmentation_id, self.options.underlay)
        if network.dhcp_port:
            self.dhcp_server(network, network.dhcp_port, bridge)

    def tunnel(self, network: Network, bridge: str, vni: int, local: str) -> None:
        name = names.tunnel(network.id)
        self.links[name] = Link(
            name=name,
            kind="vxlan",
            alias=names.alias(self.options.tag, network.id),
            mtu=network.mtu,
            master=bridge,
            vxlan=Vxlan(id=vni, local=local, port=self.options.vxlan_port),
            flood=frozenset(network.peers),
        )

    def guest(self, port: Port) -> None:
        device = self.devices[port.id] = port.device or tap_name(port.id)
        self.links[device] = Link(
            name=device,
            kind=self.options.guest_link,
            alias=names.alias(self.options.tag, port.id),
            mtu=self.networks[port.network_id].mtu,
            master=self.bridge(port.network_id),
            peer=("", names.plug(port.id)) if self.options.guest_link == "veth" else None,
        )

    def pair(self, port: Port, space: str, prefix: str, more: tuple[str, ...] = ()) -> Link:
        """A veth pair that plugs a namespace into a network's bridge; returns the inner end."""
        name, mtu = names.inner(prefix, port.id), self.networks[port.network_id].mtu
        outer = tap_name(port.id)
        self.links[outer] = Link(
            name=outer,
            kind="veth",
            alias=names.alias(self.options.tag, port.id),
            mtu=mtu,
            master=self.bridge(port.network_id),
            peer=(space, name),
        )
        addresses = frozenset(f"{fixed.ip}/{fixed.prefix}" for fixed in port.fixed_ips)
        return Link(name=name, kind="veth", mtu=mtu, mac=port.mac.lower(), addresses=addresses | frozenset(more))

    def dhcp_server(self, network: Network, port: Port, bridge: str) -> None:
        space = names.DHCP + network.id
        link = self.pair(port, space, "ns-", (f"{METADATA}/32",))
        gateway = next((s.gateway for s in network.subnets if s.gateway and _on_link(s.gateway, [link])), None)
        self.spaces[space] = Space(
            alias=names.alias(self.options.tag, network.id),
            links={link.name: link},
            routes=frozenset((Route(destination="0.0.0.0/0", via=gateway),) if gateway and ":" not in gateway else ()),
            sysctls=DHCP_SYSCTLS,
        )
        self.dhcp[space] = dhcp.plan(network, port, link.name, self.options)
        self.listen[space] = Listen(network_id=network.id, address=METADATA, port=80)

    def router(self, router: Router) -> None:
        space = names.ROUTER + router.id
        inside = [self.pair(port, space, "qr-") for port in router.interfaces if port.network_id in self.networks]
        links, routes = list(inside), set[Route]()
        gateway = router.gateway if router.gateway and router.gateway.network_id in self.networks else None
        if gateway:
            floating = tuple(f"{one.floating}/{32 if ':' not in one.floating else 128}" for one in router.floating_ips)
            links.append(self.pair(gateway.port, space, "qg-", floating))
            for hop in gateway.next_hops:
                routes.add(Route(destination="::/0" if ":" in hop else "0.0.0.0/0", via=hop))
        routes |= {Route(destination=to, via=via) for to, via in router.routes}
        self.spaces[space] = Space(
            alias=names.alias(self.options.tag, router.id),
            links={link.name: link for link in links},
            routes=frozenset(route for route in routes if _on_link(route.via, links)),
            sysctls=ROUTER_SYSCTLS,
            rules=nat.router(self.options.tag, router if gateway else msgspec.structs.replace(router, gateway=None), inside),
        )
        self.listen[space] = Listen(router_id=router.id, address="0.0.0.0", port=nat.METADATA_PORT)

    def done(self) -> Layout:
        # Only where this host is an external network's gateway does it have to forward for itself.
        routes = any(link.addresses for link in self.links.values())
        sysctls = {"ipv4/ip_forward": "1"} if routes else {}
        host = Space(links=self.links, sysctls=sysctls, rules=self.guard.rules(self.wanted, self.options, self.zones, self.links))
        return Layout(host=host, spaces=self.spaces, dhcp=self.dhcp, listen=self.listen, devices=self.devices)


def _on_link(hop: str, links: list[Link]) -> bool:
    """Whether the next hop can be reached over one of the links: the kernel refuses a route through any other."""
    try:
        return any(ip_address(hop) in ip_interface(address).network for link in links for address in link.addresses)
    except ValueError:
        return False
