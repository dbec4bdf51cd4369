"""Metadata where guests ask for it: in their network, and through their router."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio

from msgspec.structs import replace

from pileus.network.datapath.base import HostNetworks
from pileus.network.metadata import MetadataRequest, MetadataResponse
from pileus.network.metadata.server import Metadata
from tests.network.datapath import states
from tests.network.datapath.linux.lab import Guest, Lab, needs_root
from tests.network.datapath.linux.test_routers import EXTERNAL, world

pytestmark = needs_root

METADATA = "169.254.169.254"


def steps(lab: Lab, *acts, **options) -> list[MetadataRequest]:
    """Apply (state, act) one after the other with metadata; what was asked."""
    asked: list[MetadataRequest] = []

    async def answer(request: MetadataRequest) -> MetadataResponse:
        asked.append(request)
        return MetadataResponse(body=b"metadata for " + request.source_ip.encode())

    async def go():
        for state, act in acts:                                 # each with an agent of its own: all of them are restarts
            listener = Metadata(answer)
            driver = lab.linux(listener=listener, **options)
            await driver.start()
            try:
                await driver.apply(state)
                await asyncio.to_thread(act)
            finally:
                await driver.stop()
            assert listener.listening() == {}

    asyncio.run(go())
    return asked


def fetch(guest: Guest, *headers: str, address: str = METADATA, port: int = 80) -> str:
    lines = "\r\n".join(["GET /openstack HTTP/1.1", f"Host: {METADATA}", "Connection: close", *headers, "", ""])
    reply = guest.run("timeout", "2", "busybox", "nc", address, str(port), text=lines).stdout
    return reply.partition("\n\n")[2]


def test_in_the_network(lab: Lab):
    """By the route that DHCP gives, with the network and the address that asked; also after a restart of the agent."""
    state = states.host(1, dhcp=True, guests=2)
    state = replace(state, ports=(replace(state.ports[0], groups=()), state.ports[1]))     # metadata needs no rule
    guests: list[Guest] = []

    def first():
        guests.extend(lab.guest(port, gateway=False) for port in state.ports)
        for guest in guests:
            lab.ip("-n", guest.space, "route", "add", METADATA, "via", "10.21.0.2")
            assert fetch(guest, "X-Forwarded-For: 10.21.0.77") == f"metadata for {guest.address}"

    asked = steps(lab, (state, first), (state, lambda: fetch(guests[0])))
    network = state.networks[0].id
    assert [(one.network_id, one.router_id, one.source_ip) for one in asked] == [
        (network, None, "10.21.0.10"), (network, None, "10.21.0.11"), (network, None, "10.21.0.10")
    ]  # fmt: skip


def test_dhcp_gives_the_route(lab: Lab):
    port = states.guest(1, 0)
    state = HostNetworks(networks=(states.network(1, port),), ports=(port,), groups=(states.OPEN,))
    steps(lab, (state, lambda: None))
    assert lab.guest(port, address=None).dhcp()["routes"].startswith(METADATA)


def test_overlapping_networks_are_told_apart(lab: Lab):
    one, two = states.guest(1, 0), states.guest(2, 0, net=1)
    nets = (states.network(1, one), states.network(2, two, net=1))
    state = HostNetworks(networks=nets, ports=(one, two), groups=(states.OPEN,))

    def act():
        for port in (one, two):
            guest = lab.guest(port, gateway=False)
            lab.ip("-n", guest.space, "route", "add", METADATA, "via", "10.21.0.2")
            assert fetch(guest)

    assert [(one.network_id, one.source_ip) for one in steps(lab, (state, act))] == [
        (nets[0].id, "10.21.0.10"), (nets[1].id, "10.21.0.10")
    ]  # fmt: skip


def test_through_the_router(lab: Lab):
    """Also without DHCP in the network; and nobody outside, or by the local port, gets in."""
    router = states.router(1, 1, external=EXTERNAL)
    state = states.host(1)
    state = replace(state, networks=(*state.networks, EXTERNAL), routers=(router,))

    def act():
        guest, out = lab.guest(state.ports[0]), world(lab)
        assert fetch(guest) == "metadata for 10.21.0.10"
        assert fetch(guest, address="10.21.0.1", port=9697) == ""
        lab.ip("-n", out.space, "route", "add", METADATA, "via", "172.24.4.101")
        assert fetch(out) == ""
        assert fetch(out, address="172.24.4.101", port=9697) == ""

    asked = steps(lab, (state, act))
    assert [(one.network_id, one.router_id, one.source_ip) for one in asked] == [(None, router.id, "10.21.0.10")]


def test_a_network_that_goes_is_no_longer_listened_to(lab: Lab):
    state = states.host(1, dhcp=True)

    async def go():
        listener = Metadata(lambda request: None)
        driver = lab.linux(listener=listener)
        await driver.start()
        try:
            await driver.apply(state)
            (first,) = listener.listening().items()
            await driver.apply(HostNetworks())
            assert listener.listening() == {}
            await driver.apply(state)
            (again,) = listener.listening().items()
            assert again[0] == first[0] and again[1].generation != first[1].generation
            await driver.clear()
            assert listener.listening() == {}
        finally:
            await driver.stop()

    asyncio.run(go())
