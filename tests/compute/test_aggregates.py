"""Aggregates: their rules, and the memory of them."""

import pytest

from pileus.compute.errors import (
    AggregateExists,
    AggregateHostExists,
    AggregateHostNotFound,
    AggregateHostRefused,
    AggregateNotFound,
    AggregateRefuses,
    HostNotFound,
)
from pileus.compute.service.aggregates import Aggregates
from pileus.compute.service.hosts import Hosts
from tests.compute.resources import a_server, compute
from tests.compute.test_hosts import inventory


async def two_hosts(c):
    for name in ("h1", "h2"):
        await c.resources.hosts.report(name, inventory(name))
    return c.resources.aggregates


async def test_a_host_is_in_one_zone_at_most():
    async with compute() as c:
        aggregates = await two_hosts(c)
        east, west, ssd = (
            await aggregates.create("east", "east"),
            await aggregates.create("west", "west"),
            await aggregates.create("ssd"),
        )
        await aggregates.add_host(east.id, "h1")
        await aggregates.add_host(ssd.id, "h1")
        with pytest.raises(AggregateHostRefused, match=r"already in availability zone\(s\) \['east'\]"):
            await aggregates.add_host(west.id, "h1")
        with pytest.raises(AggregateRefuses):
            await aggregates.update(ssd.id, metadata={"availability_zone": "west"}, action="update")
        await aggregates.update(ssd.id, metadata={"availability_zone": "east"}, action="update")
        assert await c.resources.hosts.zone_of("h1") == "east" and await c.resources.hosts.zone_of("h2") == "nova"
        assert {zone: [h.host for h in hosts] for zone, hosts in (await c.resources.hosts.zones()).items()} == {
            "east": ["h1"],
            "nova": ["h2"],
        }


async def test_servers_do_not_change_their_zone():
    async with compute() as c:
        aggregates = await two_hosts(c)
        east = await aggregates.create("east", "east")
        await aggregates.add_host(east.id, "h1")
        for host in ("h1", "h2"):
            await a_server(c, host=host)
        with pytest.raises(AggregateHostRefused):
            await aggregates.add_host(east.id, "h2")
        with pytest.raises(AggregateHostRefused):
            await aggregates.remove_host(east.id, "h1")
        with pytest.raises(AggregateRefuses):
            await aggregates.update(east.id, metadata={"availability_zone": "west"}, action="update")
        plain = await aggregates.create("plain")
        await aggregates.add_host(plain.id, "h2")
        await aggregates.remove_host(plain.id, "h2")


async def test_refusals():
    async with compute() as c:
        aggregates = await two_hosts(c)
        made = await aggregates.create("a")
        with pytest.raises(AggregateExists):
            await aggregates.create("a")
        await aggregates.create("b")
        with pytest.raises(AggregateExists):
            await aggregates.update(made.id, name="b", action="update")
        with pytest.raises(HostNotFound):
            await aggregates.add_host(made.id, "h9")
        with pytest.raises(AggregateNotFound):
            await aggregates.add_host(99, "h1")
        await aggregates.add_host(made.id, "h1")
        with pytest.raises(AggregateHostExists):
            await aggregates.add_host(made.id, "h1")
        with pytest.raises(AggregateHostNotFound):
            await aggregates.remove_host(made.id, "h2")
        with pytest.raises(AggregateRefuses, match="not empty"):
            await aggregates.delete(made.id)
        await aggregates.remove_host(made.id, "h1")
        await aggregates.delete(made.id)
        with pytest.raises(AggregateNotFound):
            await aggregates.delete(made.id)


async def test_memory_is_not_fooled_by_what_was_undone():
    """A refused change has read, and numbered, a state that never came to be; the next change has the same number."""
    async with compute() as c:
        one = await two_hosts(c)
        two = Aggregates(c.kit, c.resources.hosts.config, hosts=Hosts(c.kit, c.resources.hosts.config))
        east, west = await one.create("east", "east"), await one.create("west", "west")
        await one.add_host(east.id, "h1")
        with pytest.raises(AggregateHostRefused):
            await one.add_host(west.id, "h1")
        await two.add_host(west.id, "h2")
        assert await one.all() == await two.all() and [a.hosts for a in await one.all()] == [("h1",), ("h2",)]
        await c.resources.hosts.delete("h2")
        assert [a.hosts for a in await one.all()] == [("h1",), ()] and await one.all() is await one.all()
