"""Quotas: what may be had, and the refusal of more."""

import base64

import pytest

from pileus.compute.config import ComputeConfig, QuotaDefaults
from pileus.compute.errors import ComputeOverQuota
from tests.compute.resources import a_server, compute, deleted

CONFIG = ComputeConfig(quota=QuotaDefaults(instances=2, cores=4, ram=1024))


async def test_the_refusal_names_everything_that_is_exceeded():
    async with compute(CONFIG) as c:
        quotas = c.resources.quotas
        gone = await a_server(c, vcpus=4, memory_mb=1024)
        await deleted(c, gone)
        await a_server(c, vcpus=1, memory_mb=256)
        await a_server(c, vcpus=9, memory_mb=9999, project="other")
        wanted = {"instances": 1, "cores": 3, "ram": 768}
        async with c.kit.db.transaction():
            await quotas.check("p1", "u", wanted)
        with pytest.raises(ComputeOverQuota) as refused:
            await quotas.check("p1", "u", {"instances": 2, "cores": 4, "ram": 768})
        assert str(refused.value) == (
            "Quota exceeded for instances, cores: Requested 2, 4, but already used 1, 1 of 2, 4 instances, cores"
        )
        assert refused.value.status == 403
        assert await quotas.allows("p1", "u", wanted) and not await quotas.allows("p1", "u", {"instances": 2})


async def test_a_user_may_have_less_than_the_project():
    async with compute(CONFIG) as c:
        quotas = c.resources.quotas
        await quotas.set("p1", "alice", {"instances": 1})
        await a_server(c, user="bob")
        assert await quotas.allows("p1", "alice", {"instances": 1})
        await a_server(c, user="alice")
        await quotas.set("p1", None, {"instances": 9})
        assert not await quotas.allows("p1", "alice", {"instances": 1}) and await quotas.allows("p1", "bob", {"instances": 1})


async def test_where_a_limit_comes_from():
    async with compute(CONFIG) as c:
        quotas = c.resources.quotas

        async def instances(user=None):
            return (await quotas.limits("p1", user))["instances"]

        assert await instances() == 2
        await quotas.set_class("default", {"instances": 3})
        await quotas.set_class("gold", {"instances": 99})
        assert await instances() == 3 == await instances("u")
        await quotas.set("p1", None, {"instances": 5})
        assert await instances() == 5 == await instances("u")
        await quotas.set("p1", "u", {"instances": 4})
        assert await instances() == 5 and await instances("u") == 4 and await instances("v") == 5
        await quotas.delete("p1", "u")
        assert await instances("u") == 5
        await quotas.delete("p1")
        assert await instances() == 3


async def test_unlimited():
    async with compute(CONFIG) as c:
        await c.resources.quotas.set("p1", None, {"instances": -1, "cores": -1, "ram": -1})
        assert await c.resources.quotas.allows("p1", "u", {"instances": 10**6, "cores": 10**6, "ram": 10**9})


async def test_files_for_a_server_are_few_and_small(cloud):
    def files(*sizes: int) -> list[dict]:
        return [{"path": f"/f{n}", "contents": base64.b64encode(b"x" * size).decode()} for n, size in enumerate(sizes)]

    for refused in (files(1, 1, 1, 1, 1, 1), files(10_241)):
        got = await cloud.order(version="2.1", personality=refused, networks=[])
        assert got.status == 403 and "Quota exceeded for injected_file" in got.text, got.text
    await cloud.assert_clean()
    id = (await cloud.order(version="2.1", personality=files(10_240, 1, 1, 1, 1), networks=[])).json["server"]["id"]
    await cloud.settle()
    got = await cloud.act(id, "rebuild", {"imageRef": await cloud.image(), "personality": files(10_241)}, version="2.1")
    assert got.status == 403 and (await cloud.show(id))["status"] == "ACTIVE"
