"""The service of hosts: reports, liveness, zones."""

import asyncio
import itertools

import msgspec
import pytest

from pileus.compute.errors import HostHasServers, HostNotFound, ServiceNotUpdatable
from pileus.compute.hypervisor.base import Inventory
from pileus.compute.service.hosts import Hosts
from pileus.core.errors import Conflict, NotFound
from pileus.placement.config import PlacementConfig
from pileus.placement.model import Inventory as Stock
from pileus.placement.service import Placement
from tests.compute.resources import a_server, compute, deleted


def inventory(name="h1", **more):
    return Inventory(
        **{
            "vcpus": 8,
            "memory_mb": 16384,
            "disk_gib": 100,
            "hypervisor_type": "QEMU",
            "hypervisor_version": 7002000,
            "hypervisor_hostname": name,
            "cpu_info": {"model": "host"},
        }
        | more
    )


async def test_a_host_keeps_its_ids():
    async with compute() as c:
        hosts = c.resources.hosts
        first = await hosts.report("h1", inventory())
        await asyncio.sleep(10)
        again = await hosts.report("h1", inventory(vcpus=16), running_vms=3)
        assert (again.id, again.service_id, again.number) == (first.id, first.service_id, 1)
        assert again.inventory.vcpus == 16 and again.running_vms == 3 and again.reported_at > first.reported_at
        assert await hosts.get("h1") == again
        assert (await hosts.report("h2", inventory("h2"))).number == 2
        with pytest.raises(HostNotFound):
            await hosts.get("h3")


async def test_a_silent_host_is_down():
    async with compute() as c:
        hosts = c.resources.hosts
        host = await hosts.report("h1", inventory())
        await asyncio.sleep(180)
        assert hosts.is_up(host)
        await asyncio.sleep(1)
        assert not hosts.is_up(host)
        host = await hosts.report("h1", inventory())
        assert hosts.is_up(host) and not hosts.is_up(msgspec.structs.replace(host, forced_down=True))


async def test_memory_follows_the_database_whoever_changes_it():
    """Two copies of the control plane on one database, in every order of a few changes."""
    async with compute() as c:
        one, two = c.resources.hosts, Hosts(c.kit, c.resources.hosts.config)

        async def agree():
            names = [host.host for host in await one.all()]
            assert list(await one.all()) == list(await two.all()) == list(await Hosts(c.kit, one.config).all())
            return names

        for n, changes in enumerate(itertools.permutations((("report", "a"), ("report", "b"), ("delete", "a"), ("report", "c")))):
            for host in [host.host for host in await one.all()]:
                await two.delete(host)
            assert await agree() == []
            expected = set()
            for who, (what, name) in zip(itertools.cycle((one, two)), changes, strict=False):
                if what == "report":
                    await who.report(name, inventory(name, vcpus=n + 1))
                    expected.add(name)
                elif name in expected:
                    await who.delete(name)
                    expected.discard(name)
                if n % 2:
                    assert set(await agree()) == expected
            assert await agree() == sorted(expected)
        assert await one.all() is await one.all()


async def test_only_nova_compute_changes():
    async with compute() as c:
        hosts = c.resources.hosts
        await hosts.report("h1", inventory())
        control, _, service = await hosts.services()
        changed = await hosts.change_service(service, disabled=True, disabled_reason="repair")
        assert (changed.disabled, changed.disabled_reason) == (True, "repair") and (await hosts.get("h1")).disabled
        assert (await hosts.report("h1", inventory())).disabled
        with pytest.raises(ServiceNotUpdatable):
            await hosts.change_service(control, disabled=True)


async def test_a_host_with_servers_stays():
    async with compute() as c:
        hosts = c.resources.hosts
        await hosts.report("h1", inventory())
        server = await a_server(c, host="h1", vcpus=2, memory_mb=512, root_gib=10)
        with pytest.raises(HostHasServers):
            await hosts.delete("h1")
        used = (await hosts.used())["h1"]
        assert (used.servers, used.vcpus, used.memory_mb, used.disk_gib) == (1, 2, 512 + 512, 10)  # 512 MiB are kept back
        assert await hosts.servers(["h1"]) == {"h1": [(server, "server")]}
        await deleted(c, server)
        assert (await hosts.used())["h1"].servers == 0
        await hosts.delete("h1")
        with pytest.raises(HostNotFound):
            await hosts.delete("h1")


async def test_a_deleted_host_is_deleted_in_placement_or_nowhere():
    async with compute() as c:
        placement = Placement(c.kit, PlacementConfig())
        await placement.start()
        hosts = Hosts(c.kit, c.resources.hosts.config, placement=placement)
        host = await hosts.report("h1", inventory())
        await placement.ensure_provider(host.id, "h1")
        await placement.set_inventory(host.id, {"VCPU": Stock(total=4)})
        await placement.claim("some-server", {host.id: {"VCPU": 1}}, project_id="p1", user_id="u")
        with pytest.raises(Conflict):
            await hosts.delete("h1")
        assert (await hosts.get("h1")).id == host.id
        await placement.release("some-server")
        await hosts.delete("h1")
        with pytest.raises(NotFound):
            await placement.get_provider(host.id)
        await hosts.report("h2", inventory("h2"))
        await hosts.delete("h2")
        assert await hosts.all() == ()
