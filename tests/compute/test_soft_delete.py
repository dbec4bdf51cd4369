"""Soft delete, restore, force delete; and that a delete waits for nothing."""

from datetime import timedelta

import pytest

from tests.cloud import TestCloud

COMPUTE = "/compute/v2.1"


def soft(seconds=3600):
    return TestCloud(compute={"reclaim_interval_s": seconds})


@pytest.mark.parametrize("before", [None, "os-stop", "pause", "suspend"])
async def test_a_deleted_server_can_be_restored(before):
    async with soft() as cloud:
        id = await cloud.boot(networks=[{"uuid": await cloud.network()}])
        if before:
            await cloud.act(id, before)
            await cloud.settle(70)
        member = await cloud.as_()
        for _ in range(2):
            assert (await member.delete(f"{COMPUTE}/servers/{id}")).status == 204
            await cloud.settle()
        server = await cloud.show(id)
        assert server["status"] == "SOFT_DELETED" and server["OS-EXT-STS:power_state"] == 4
        assert (await member.get(f"{COMPUTE}/servers")).json["servers"] == []
        assert [s["id"] for s in (await member.get(f"{COMPUTE}/servers?status=SOFT_DELETED")).json["servers"]] == [id]
        assert (await cloud.act(id, "os-start")).status == 409
        assert (await cloud.act(id, "restore")).status == 202
        await cloud.settle()
        assert (await cloud.show(id))["status"] == "ACTIVE"
        await cloud.assert_clean(servers={id})


async def test_one_is_gone_when_its_time_is_over_or_by_force():
    async with soft(600) as cloud:
        member = await cloud.as_()
        first, second = await cloud.boot(), await cloud.boot()
        for id in (first, second):
            await member.delete(f"{COMPUTE}/servers/{id}")
        await cloud.settle()
        assert (await cloud.act(first, "forceDelete")).status == 202
        await cloud.settle(400)
        assert await cloud.show(first) is None and (await cloud.show(second))["status"] == "SOFT_DELETED"
        await cloud.settle(300)
        assert await cloud.show(second) is None
        await cloud.assert_clean()


async def test_it_counts_for_no_quota_until_it_is_restored():
    async with soft() as cloud:
        admin = await cloud.as_("pileus-admin")
        await admin.put(f"{COMPUTE}/os-quota-sets/{await cloud.project()}", {"quota_set": {"instances": 1}})
        first = await cloud.boot()
        assert (await cloud.order()).status == 403
        await (await cloud.as_()).delete(f"{COMPUTE}/servers/{first}")
        await cloud.settle()
        second = await cloud.boot()
        assert (await cloud.act(first, "restore")).status == 403
        assert (await cloud.show(first))["status"] == "SOFT_DELETED" and (await cloud.show(first))["OS-EXT-STS:task_state"] is None
        await cloud.act(second, "forceDelete")
        await cloud.settle()
        assert (await cloud.act(first, "restore")).status == 202


async def test_a_delete_does_not_wait_for_a_guest_that_takes_its_time(cloud):
    id = await cloud.boot()
    cloud.drivers["h1"].delays = {"power": 10_000}
    await cloud.act(id, "os-stop")
    began = cloud.cloud.clock.now()
    await (await cloud.as_()).delete(f"{COMPUTE}/servers/{id}")
    await cloud.settle()
    assert await cloud.show(id) is None and (cloud.cloud.clock.now() - began).total_seconds() < 5
    await cloud.assert_clean()


async def test_one_that_is_restored_while_others_are_reclaimed_stays(monkeypatch):
    """Reclaiming thousands takes its time, and what was found at its beginning may be its user's again."""
    async with soft(600) as cloud:
        member, servers = await cloud.as_(), cloud.cloud.services.compute.servers
        found = [await cloud.boot(), await cloud.boot()]
        for id in found:
            await member.delete(f"{COMPUTE}/servers/{id}")
        await cloud.settle(10)
        reclaimed, delete = [], servers._delete

        async def meanwhile(server, who):
            await delete(server, who)
            reclaimed.append(server.id)
            await servers.restore(next(id for id in found if id != server.id), who)

        monkeypatch.setattr(servers, "_delete", meanwhile)
        assert await servers.reclaim(timedelta(seconds=5)) == 1
        await cloud.settle()
        (kept,) = set(found) - set(reclaimed)
        assert (await cloud.show(kept))["status"] == "ACTIVE" and await cloud.show(reclaimed[0]) is None
        await cloud.assert_clean(servers={kept})
