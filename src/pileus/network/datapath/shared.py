"""One datapath for several hosts that are on the same machine.

Each host has its part and is told its own state, as if it had a machine of its own. What the machine is told is all of them
together: a network's bridge is there once, and guests of both hosts meet on it. Every host has tap devices of its own, so one
port may be on two of them for as long as its guest is on the way.

Nothing is made before every host of the machine has said what it wants, or what one wants would be removed because the other
came first.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Iterable

from msgspec.structs import replace

from pileus.network.datapath.base import Datapath, DatapathFailed, HostNetworks, Network, Port

NOTHING = HostNetworks()
TAP = "tap"


def taps(number: int) -> str:
    """How the names of the tap devices of a machine's host begin: the first host's as everywhere."""
    return TAP if number == 0 else f"t{number:02}"


class Shared:
    """The datapath of a machine. `hosts` are all that it is shared by; `underlay` is the address of all of them."""

    def __init__(self, datapath: Datapath, hosts: Iterable[str], underlay: str = ""):
        self._datapath, self._underlay = datapath, underlay
        self._numbers = {host: number for number, host in enumerate(hosts)}
        self._wanted: dict[str, HostNetworks] = {}
        self._complete = asyncio.Event()
        self._started: set[str] = set()

    def part(self, host: str) -> Datapath:
        return Part(self, host)

    async def start(self, host: str) -> None:
        self._started.add(host)
        await self._datapath.start()

    async def stop(self, host: str) -> None:
        self._started.discard(host)
        if not self._started:
            await self._datapath.stop()

    async def apply(self, host: str, wanted: HostNetworks) -> frozenset[str]:
        self._wanted[host] = wanted
        if self._wanted.keys() == self._numbers.keys():
            self._complete.set()
        await self._complete.wait()
        mine = {own_port(port, self._numbers[host]).id: port.id for port in wanted.ports}
        try:
            wired = await self._datapath.apply(self._together())
        except DatapathFailed as failure:
            failure.wired = frozenset(mine[port] for port in failure.wired & mine.keys())
            raise
        return frozenset(mine[port] for port in wired & mine.keys())

    async def clear(self, host: str) -> None:
        """Of a host without neighbours at work everything goes, also what nobody remembers."""
        self._wanted[host] = NOTHING
        if self._started - {host}:
            await self.apply(host, NOTHING)
        else:
            await self._datapath.clear()

    def _together(self) -> HostNetworks:
        networks: dict[str, Network] = {}
        for state in self._wanted.values():
            for network in state.networks:
                if network.id not in networks or network.dhcp_port:        # who has it there also has the leases
                    networks[network.id] = self._outside(network)
        states = self._wanted.values()
        ports = [own_port(port, self._numbers[host]) for host, state in self._wanted.items() for port in state.ports]
        return HostNetworks(
            networks=tuple(networks[id] for id in sorted(networks)),
            ports=tuple(sorted(ports, key=lambda port: port.id)),
            groups=tuple({group.id: group for state in states for group in state.groups}.values()),
            members={group: addresses for state in states for group, addresses in state.members.items()},
            routers=tuple({router.id: router for state in states for router in state.routers}.values()))

    def _outside(self, network: Network) -> Network:
        """The network without a tunnel from this machine to itself."""
        peers = tuple(peer for peer in network.peers if peer != self._underlay)
        return replace(network, peers=peers, segmentation_id=network.segmentation_id if peers else None)


class Part:
    """What one host sees of it: a `Datapath`."""

    def __init__(self, shared: Shared, host: str):
        self._shared, self._host = shared, host

    async def start(self) -> None:
        await self._shared.start(self._host)

    async def stop(self) -> None:
        await self._shared.stop(self._host)

    async def apply(self, wanted: HostNetworks) -> frozenset[str]:
        return await self._shared.apply(self._host, wanted)

    async def clear(self) -> None:
        await self._shared.clear(self._host)


def own_port(port: Port, number: int) -> Port:
    """The port as a host of the machine has it: one that is on two of them is two."""
    if number == 0:
        return port
    return replace(port, id=f"{port.id}-{number}", device=taps(number) + port.device.removeprefix(TAP))
