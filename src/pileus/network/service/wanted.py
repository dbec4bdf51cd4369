"""What hosts' networks must look like: the database as `HostNetworks`, many hosts at a time.

One batch asks the same dozen questions whether it is for one host or for a hundred. A host gets the networks its guests
are on; the network host gets DHCP and all routers as well.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

from pileus.network.datapath import base as dp
from pileus.network.model import Kind
from pileus.network.service.part import Part
from pileus.network.store import wanted as q

if TYPE_CHECKING:
    from pileus.network.service import Network


class Batch:
    """Everything that was read for a batch of hosts."""

    def __init__(self) -> None:
        self.networks: dict[str, Any] = {}
        self.subnets: defaultdict[str, list[Any]] = defaultdict(list)              # by network
        self.prefix: dict[str, int] = {}                                           # by subnet
        self.ports: dict[str, Any] = {}
        self.addresses: defaultdict[str, list[Any]] = defaultdict(list)            # by port
        self.port_groups: defaultdict[str, list[str]] = defaultdict(list)
        self.on_host: defaultdict[str, list[Any]] = defaultdict(list)              # guests' ports
        self.on_network: defaultdict[str, list[Any]] = defaultdict(list)           # guests' ports, of networks with DHCP
        self.groups: dict[str, dp.Group] = {}
        self.members: dict[str, tuple[str, ...]] = {}
        self.interfaces: defaultdict[str, list[Any]] = defaultdict(list)           # by router
        self.routers: list[Any] = []
        self.floating: defaultdict[str, list[Any]] = defaultdict(list)             # by router
        self.central: set[str] = set()                                             # networks that the network host is a part of
        self.places: defaultdict[str, set[str]] = defaultdict(set)                 # network → hosts
        self.underlays: dict[str, str] = {}


class WantedStates(Part):
    def __init__(self, net: Network):
        super().__init__(net)
        self.ask = q.Questions(self.db)

    async def build(self, hosts: Iterable[str]) -> dict[str, tuple[int, dp.HostNetworks]]:
        """Host → generation and state. What was read belongs together: it is one transaction, and its generation says when."""
        hosts = sorted(hosts)
        network_host = await self.net.agents.network_host()
        at_least = int(self.now().timestamp() * 1000)
        async with self.db.transaction():
            generations = await self.stores.agents.generations(hosts, at_least)
            batch = await self._read(hosts, network_host)
        return {host: (generations.get(host, at_least), self._host(batch, host, network_host)) for host in hosts}

    # ---- reading -------------------------------------------------------------------------------------------------------
    async def _read(self, hosts: list[str], network_host: str) -> Batch:
        batch = Batch()
        for port in await self.ask.of(q.ON_HOSTS, hosts):
            batch.ports[port.id] = port
            for host in {port.host, port.coming_to} - {""}:
                batch.on_host[host].append(port)
        guests = list(batch.ports)
        if network_host in hosts:
            await self._read_central(batch)
        wanted = batch.central | {port.network_id for port in batch.ports.values()}
        for network in await self.ask.of(q.NETWORKS, wanted):
            batch.networks[network.id] = network
        for subnet in await self.ask.of(q.SUBNETS, wanted):
            batch.subnets[subnet.network_id].append(subnet)
            batch.prefix[subnet.id] = ip_network(subnet.cidr).prefixlen
        for address in await self.ask.of(q.ADDRESSES, batch.ports):
            batch.addresses[address.port_id].append(address)
        for row in await self.ask.of(q.PORT_GROUPS, guests):
            batch.port_groups[row.port_id].append(row.group_id)
        await self._read_groups(batch)
        batch.underlays = await self.stores.agents.underlays()
        if len(batch.underlays) > 1:
            for row in await self.ask.of(q.PLACES, wanted):
                batch.places[row.network_id].add(row.host)
            for row in await self.ask.rows(q.DHCP_NETWORKS):
                batch.places[row.id].add(network_host)
            for row in await self.ask.rows(q.INTERFACES):
                batch.places[row.network_id].add(network_host)
        return batch

    async def _read_central(self, batch: Batch) -> None:
        """DHCP and routers."""
        batch.central = {row.id for row in await self.ask.rows(q.DHCP_NETWORKS)}
        for port in await self.ask.of(q.ON_NETWORKS, batch.central):
            batch.ports[port.id] = port
            batch.on_network[port.network_id].append(port)
        service = [row.dhcp_port_id for row in await self.ask.of(q.NETWORKS, batch.central)]
        batch.routers = list(await self.ask.rows(q.ROUTERS))
        for port in await self.ask.rows(q.INTERFACES):
            batch.ports[port.id] = port
            batch.interfaces[port.device_id].append(port)
            batch.central.add(port.network_id)
        for router in batch.routers:
            if router.gateway_port_id:
                service.append(router.gateway_port_id)
                batch.central.add(router.gateway_network_id)
        for port in await self.ask.of(q.PORTS, service):
            batch.ports[port.id] = port
        for row in await self.ask.rows(q.FLOATING):
            batch.floating[row.router_id].append(row)

    async def _read_groups(self, batch: Batch) -> None:
        used = {group for groups in batch.port_groups.values() for group in groups}
        rules: defaultdict[str, list[dp.Rule]] = defaultdict(list)
        remotes = set()
        for row in await self.ask.of(q.RULES, used):
            rules[row.security_group_id].append(
                dp.Rule(
                    direction=row.direction,
                    ethertype=row.ethertype,
                    protocol=row.protocol,
                    port_min=row.port_range_min,
                    port_max=row.port_range_max,
                    remote_cidr=row.normalized_cidr,
                    remote_group=row.remote_group_id,
                )
            )
            if row.remote_group_id:
                remotes.add(row.remote_group_id)
        for row in await self.ask.of(q.GROUPS, used):
            batch.groups[row.id] = dp.Group(id=row.id, rules=tuple(rules[row.id]), stateful=row.stateful)
        members: defaultdict[str, set[str]] = defaultdict(set)
        for row in await self.ask.of(q.MEMBERS, remotes):
            members[row.group_id].add(row.ip)
        for row in await self.ask.of(q.MEMBER_PAIRS, remotes):
            members[row.group_id].update(pair["ip_address"] for pair in row.allowed_address_pairs)
        batch.members = {group: tuple(sorted(members[group])) for group in remotes}

    # ---- putting it together ---------------------------------------------------------------------------------------------
    def _host(self, batch: Batch, host: str, network_host: str) -> dp.HostNetworks:
        central = host == network_host
        ports = [self._port(batch, row, device=dp.tap_name(row.id)) for row in batch.on_host[host]]
        groups = sorted({group for port in ports if port.security for group in port.groups} & batch.groups.keys())
        remotes = {rule.remote_group for group in groups for rule in batch.groups[group].rules if rule.remote_group}
        networks = {port.network_id for port in ports} | (batch.central if central else set())
        return dp.HostNetworks(
            networks=tuple(self._network(batch, id, host, central) for id in sorted(networks)),
            ports=tuple(sorted(ports, key=lambda port: port.id)),
            groups=tuple(batch.groups[group] for group in groups),
            members={group: batch.members.get(group, ()) for group in sorted(remotes)},
            routers=tuple(self._router(batch, router) for router in batch.routers) if central else ())

    def _port(self, batch: Batch, row: Any, *, device: str = "") -> dp.Port:
        network = batch.networks[row.network_id]
        return dp.Port(
            id=row.id,
            network_id=row.network_id,
            mac=row.mac_address,
            device=device,
            up=bool(row.admin_state_up and network.admin_state_up),
            security=row.port_security_enabled and row.kind == Kind.GUEST,
            groups=tuple(sorted(batch.port_groups.get(row.id, ()))),
            allowed_pairs=tuple((pair["mac_address"], pair["ip_address"]) for pair in row.allowed_address_pairs),
            fixed_ips=tuple(
                dp.FixedIP(ip=a.ip, prefix=batch.prefix[a.subnet_id], subnet_id=a.subnet_id) for a in batch.addresses[row.id]
            ),
        )

    def _network(self, batch: Batch, id: str, host: str, central: bool) -> dp.Network:
        network = batch.networks[id]
        peers = sorted(batch.underlays[other] for other in batch.places[id] - {host} if other in batch.underlays)
        dhcp = batch.ports.get(network.dhcp_port_id) if central and network.dhcp_port_id else None
        return dp.Network(
            id=id,
            mtu=network.mtu,
            segmentation_id=network.segmentation_id if peers else None,
            peers=tuple(peers),
            physical=self.config.bridges.get(network.physical_network, network.physical_network)
            if network.physical_network
            else None,
            subnets=tuple(self._subnet(batch, subnet, dhcp is not None) for subnet in batch.subnets[id]),
            dhcp_port=self._port(batch, dhcp) if dhcp is not None else None,
        )

    def _subnet(self, batch: Batch, subnet: Any, with_leases: bool) -> dp.Subnet:
        dhcp = subnet.enable_dhcp and (subnet.ip_version == 4 or subnet.ipv6_address_mode == "dhcpv6-stateful")
        leases = []
        for port in batch.on_network[subnet.network_id] if with_leases and dhcp else ():
            for address in batch.addresses[port.id]:
                if address.subnet_id == subnet.id:
                    options = {o["opt_name"]: o["opt_value"] for o in port.extra_dhcp_opts if o["ip_version"] == subnet.ip_version}
                    leases.append(
                        dp.Lease(mac=port.mac_address, ip=address.ip, hostname=hostname(port.dns_name, address.ip), options=options)
                    )
        return dp.Subnet(
            id=subnet.id, cidr=subnet.cidr, gateway=subnet.gateway_ip, dns=tuple(subnet.dns_nameservers), dhcp=bool(dhcp),
            routes=tuple((route["destination"], route["nexthop"]) for route in subnet.host_routes), leases=tuple(leases))

    def _router(self, batch: Batch, router: Any) -> dp.Router:
        gateway = None
        port = batch.ports.get(router.gateway_port_id) if router.gateway_port_id else None
        if port is not None:
            on = {address.subnet_id for address in batch.addresses[port.id]}
            hops = tuple(s.gateway_ip for s in batch.subnets[port.network_id] if s.id in on and s.gateway_ip)
            gateway = dp.Gateway(port=self._port(batch, port), network_id=port.network_id, next_hops=hops, snat=router.enable_snat)
        interfaces = sorted((self._port(batch, row) for row in batch.interfaces[router.id]), key=lambda one: one.id)
        floating = tuple(
            dp.FloatingIP(id=row.id, floating=row.floating_ip_address, fixed=row.fixed_ip_address)
            for row in batch.floating[router.id]
        )
        return dp.Router(
            id=router.id,
            up=router.admin_state_up,
            interfaces=tuple(interfaces),
            gateway=gateway,
            floating_ips=floating,
            routes=tuple((route["destination"], route["nexthop"]) for route in router.routes),
        )


def hostname(name: str, ip: str) -> str:
    """What DHCP calls a port: its own name, or one made of its address."""
    return name or ("host-" + ip_address(ip).exploded.replace(".", "-").replace(":", "-"))
