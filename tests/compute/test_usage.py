"""Usage reports, versions and extensions."""

import asyncio
from datetime import timedelta

import pytest

from tests.compute.resources import ROOT, a_server, compute, deleted

USAGE = f"{ROOT}/os-simple-tenant-usage"


async def test_what_servers_took():
    async with compute() as c:
        start = c.kit.clock.now()
        early = await a_server(c, launched_at=start - timedelta(hours=3), vcpus=2, memory_mb=512, root_gib=10, name="early")
        await a_server(c, name="never")
        await asyncio.sleep(3600)
        await deleted(c, early)
        late = await a_server(c, launched_at=c.kit.clock.now(), name="late")
        await a_server(c, launched_at=c.kit.clock.now(), project="p2")
        await asyncio.sleep(7200)
        period = "start=2026-01-01T00:00:00&end=2026-01-01T02:00:00.000"
        usage = (await c.member().get(f"{USAGE}/p1?{period}")).json["tenant_usage"]
        assert (
            usage["total_hours"],
            usage["total_vcpus_usage"],
            usage["total_memory_mb_usage"],
            usage["total_local_gb_usage"],
        ) == (
            2.0,
            1 * 2 + 1 * 1,
            512 + 64,
            10 + 1,
        )
        assert [(s["name"], s["hours"], s["state"], s["uptime"]) for s in usage["server_usages"]] == [
            ("early", 1.0, "terminated", 4 * 3600),
            ("late", 1.0, "active", 7200),
        ]
        assert usage["server_usages"][1]["instance_id"] == late and usage["server_usages"][1]["ended_at"] is None
        everybody = (await c.admin().get(f"{USAGE}?{period}")).json["tenant_usages"]
        assert {u["tenant_id"]: u["total_hours"] for u in everybody} == {"p1": 2.0, "p2": 1.0}
        assert all("server_usages" not in u for u in everybody)
        assert all("server_usages" in u for u in (await c.admin().get(f"{USAGE}?{period}&detailed=1")).json["tenant_usages"])
        assert (await c.member().get(f"{USAGE}/p1?start=2025-01-01T00:00:00&end=2025-01-02T00:00:00")).json == {"tenant_usage": {}}
        assert (await c.member().get(f"{USAGE}/p1")).status == 200
        first = (await c.member().get(f"{USAGE}/p1?{period}&limit=1")).json
        assert [s["name"] for s in first["tenant_usage"]["server_usages"]] == ["early"]
        href = first["tenant_usage_links"][0]["href"].removeprefix("http://falconframework.org")
        assert [s["name"] for s in (await c.member().get(href)).json["tenant_usage"]["server_usages"]] == ["late"]
        assert "tenant_usage_links" not in (await c.member("2.39").get(f"{USAGE}/p1?{period}&limit=1")).json


async def test_who_sees_usage_and_what_is_refused():
    async with compute() as c:
        assert (await c.member().get(f"{USAGE}/p2")).status == 403 and (await c.member().get(USAGE)).status == 403
        for query in (
            "start=yesterday",
            "end=x",
            "start=2026-02-01T00:00:00&end=2026-01-01T00:00:00",
            "x=1",
            "limit=x",
            "marker=none",
        ):
            assert (await c.admin().get(f"{USAGE}?{query}")).status == 400, query


async def test_versions_are_told_without_a_token():
    async with compute() as c:
        nobody = c.harness.anonymous()
        found = (await nobody.get("/compute/")).json["versions"]
        assert [(v["id"], v["status"], v["min_version"], v["version"]) for v in found] == [
            ("v2.0", "DEPRECATED", "", ""),
            ("v2.1", "CURRENT", "2.1", "2.104"),
        ]
        for version in found:
            path = version["links"][0]["href"].removeprefix("http://falconframework.org")
            for spelling in (path, path.rstrip("/")):
                shown = await nobody.get(spelling)
                assert shown.status == 200 and shown.json["version"]["links"][0] == version["links"][0]
                assert {k: shown.json["version"][k] for k in version if k != "links"} == {
                    k: version[k] for k in version if k != "links"
                }


async def test_extensions():
    async with compute() as c:
        found = (await c.member().get(f"{ROOT}/extensions")).json["extensions"]
        assert (await c.member().get(f"{ROOT}/extensions/os-keypairs")).json["extension"] in found
        assert (await c.member().get(f"{ROOT}/extensions/os-nonsense")).status == 404


@pytest.mark.parametrize("version", ["2.0", "2.105", "3.1"])
async def test_versions_that_do_not_exist(version):
    async with compute() as c:
        assert (await c.member(version).get(f"{ROOT}/flavors")).status == 406
