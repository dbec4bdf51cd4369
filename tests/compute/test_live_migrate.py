"""Live migration."""

import pytest

from pileus.compute.sagas.live_migrate import LIVE_MIGRATE
from tests.cloud import TestCloud
from tests.compute.test_resize import held, where
from tests.compute.test_sagas import sabotage
from tests.sagas import interruptions, settle

COMPUTE = "/compute/v2.1"
ANYWHERE = {"host": None, "block_migration": "auto"}


async def act(cloud, id, body, version="2.96"):
    return await cloud.act(id, "os-migrateLive", body, cloud="pileus-admin", version=version)


async def admin(cloud, version="2.96"):
    return (await cloud.as_("pileus-admin")).with_headers(OpenStack_API_Version=f"compute {version}")


@pytest.mark.parametrize("before, status", [(None, "ACTIVE"), ("pause", "PAUSED")])
async def test_a_server_moves_while_it_runs(before, status):
    async with TestCloud(hosts=2) as cloud:
        id = await cloud.boot(networks=[{"uuid": await cloud.network()}])
        if before:
            await cloud.act(id, before)
            await cloud.settle()
        old = await cloud.show(id)
        source = old["OS-EXT-SRV-ATTR:host"]
        assert (await cloud.act(id, "os-migrateLive", ANYWHERE)).status == 403
        cloud.drivers[source].delays = {"migrate": 30}
        assert (await act(cloud, id, ANYWHERE)).status == 202
        assert (await cloud.show(id))["status"] == "MIGRATING"
        await cloud.settle(60)
        server = await cloud.show(id)
        assert server["status"] == status and server["OS-EXT-STS:task_state"] is None
        assert server["OS-EXT-SRV-ATTR:host"] != source and server["addresses"] == old["addresses"]
        assert server["OS-EXT-STS:power_state"] == old["OS-EXT-STS:power_state"]
        assert await where(cloud, id) == {server["OS-EXT-SRV-ATTR:host"]}
        assert {h for h, _ in await held(cloud)} == {server["OS-EXT-SRV-ATTR:host"]}
        await cloud.assert_clean(servers={id})


async def under_way(cloud):
    """A server whose migration takes very long: (its id, the migration as its list shows it)."""
    id = await cloud.boot()
    for driver in cloud.drivers.values():
        driver.delays = {"migrate": 10_000}
    assert (await act(cloud, id, ANYWHERE)).status == 202
    for _ in range(100):
        found = (await (await admin(cloud)).get(f"{COMPUTE}/servers/{id}/migrations")).json["migrations"]
        if found and found[0]["status"] == "running":
            return id, found[0]
        await cloud.cloud.clock.sleep(0.1)
    raise AssertionError(found)


async def test_one_under_way_is_listed_and_aborted():
    async with TestCloud(hosts=2) as cloud:
        id, migration = await under_way(cloud)
        assert migration["memory_total_bytes"] == 192 << 20 and migration["uuid"] and migration["server_uuid"] == id
        caller, one = await admin(cloud), f"{COMPUTE}/servers/{id}/migrations/{migration['id']}"
        assert (await caller.get(one)).json["migration"]["status"] == "running"
        assert (await caller.get(f"{COMPUTE}/servers/{id}/migrations/999")).status == 404
        assert (await (await cloud.as_()).with_headers(OpenStack_API_Version="compute 2.96").delete(one)).status == 403
        claims = await held(cloud)
        assert len(claims) == 2
        assert (await caller.delete(one)).status == 202
        await cloud.settle()
        server = await cloud.show(id)
        assert server["status"] == "ACTIVE" and server["OS-EXT-SRV-ATTR:host"] == migration["source_compute"]
        assert (await caller.get(one)).status == 404 and len(await held(cloud)) == 1
        await cloud.assert_clean(servers={id})


async def test_one_under_way_is_forced_to_its_end():
    async with TestCloud(hosts=2) as cloud:
        id, migration = await under_way(cloud)
        caller, one = await admin(cloud), f"{COMPUTE}/servers/{id}/migrations/{migration['id']}/action"
        assert (await caller.post(one, {"force_complete": {"x": 1}})).status == 400
        assert (await caller.post(one, {"force_complete": None})).status == 202
        await cloud.settle()
        assert (await cloud.show(id))["OS-EXT-SRV-ATTR:host"] == migration["dest_compute"]
        assert (await caller.post(one, {"force_complete": None})).status == 404
        await cloud.assert_clean(servers={id})


async def test_bad_orders_change_nothing():
    async with TestCloud(hosts=2) as cloud:
        id = await cloud.boot()
        here = (await cloud.show(id))["OS-EXT-SRV-ATTR:host"]
        old = {"host": None, "block_migration": False, "disk_over_commit": False}
        for body, version in (({}, "2.96"), ({"host": None, "block_migration": "maybe"}, "2.96"), ({**ANYWHERE, "force": True}, "2.68"),
                              ({**ANYWHERE, "force": True}, "2.30"), (ANYWHERE, "2.24"), ({**old, "block_migration": "auto"}, "2.24"),
                              (old, "2.25"), ({**ANYWHERE, "host": "nowhere"}, "2.96"), ({**ANYWHERE, "host": here}, "2.96")):
            assert (await act(cloud, id, body, version)).status == 400, (body, version)
        await cloud.act(id, "os-stop")
        await cloud.settle(70)
        assert (await act(cloud, id, ANYWHERE)).status == 409
        assert await where(cloud, id) == {here}


async def test_delete_wins():
    async with TestCloud(hosts=2) as cloud:
        id, _ = await under_way(cloud)
        assert (await (await cloud.as_()).delete(f"{COMPUTE}/servers/{id}")).status == 204
        await cloud.settle()
        await cloud.assert_clean()


@pytest.mark.parametrize("cut", interruptions(LIVE_MIGRATE), ids=str)
async def test_any_interruption(cut):
    async with TestCloud(hosts=2) as cloud:
        id = await cloud.boot(networks=[{"uuid": await cloud.network()}])
        sabotage(cloud, LIVE_MIGRATE, cut)
        await act(cloud, id, ANYWHERE)
        await settle(cloud.cloud.kit.sagas)
        await cloud.settle()
        server = await cloud.show(id)
        assert server["status"] == "ACTIVE" and server["OS-EXT-STS:task_state"] is None
        host = server["OS-EXT-SRV-ATTR:host"]
        assert await where(cloud, id) == {host} and {h for h, _ in await held(cloud)} == {host}
        assert [g.power.name for g in await cloud.drivers[host].guests()] == ["RUNNING"]
        await cloud.assert_clean(servers={id})
