"""Placement through its API, and its claims in process."""

import asyncio
from types import SimpleNamespace

import pytest

from pileus.placement.api import API
from pileus.placement.config import PlacementConfig
from pileus.placement.errors import NoCapacity
from pileus.placement.model import Inventory
from pileus.placement.policy import DEFAULTS
from pileus.placement.service import Placement
from tests.harness import Harness, make_kit

A, B, C = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222", "33333333-3333-4333-8333-333333333333"


class World:
    async def __aenter__(self):
        from pileus.core.policy import COMMON

        kit = await make_kit({**COMMON, **DEFAULTS})
        self.placement = Placement(kit, PlacementConfig())
        self.harness = Harness([API], kit, SimpleNamespace(placement=self.placement))
        self.admin = self.harness.as_("admin").with_headers(OpenStack_API_Version="placement 1.39")
        return self

    async def __aexit__(self, *_):
        pass

    def at(self, version: str):
        return self.harness.as_("admin").with_headers(OpenStack_API_Version=f"placement {version}")

    async def host(self, id: str, name: str, vcpus: int = 8, parent: str | None = None, **classes: int) -> None:
        await self.placement.create_provider(id, name, parent)
        await self.placement.set_inventory(id, {"VCPU": Inventory(total=vcpus)} | {n: Inventory(total=t) for n, t in classes.items()})


@pytest.fixture
def world():
    return World()


async def test_providers(world):
    made = await world.admin.post("/placement/resource_providers", {"name": "h1", "uuid": A})
    assert made.status == 200 and made.json["generation"] == 0 and made.json["root_provider_uuid"] == A
    assert (await world.at("1.10").post("/placement/resource_providers", {"name": "h2", "uuid": B})).status == 201
    assert (await world.admin.post("/placement/resource_providers", {"name": "h1", "uuid": C})).status == 409
    child = await world.admin.post("/placement/resource_providers", {"name": "c", "uuid": C, "parent_provider_uuid": A})
    assert child.json["root_provider_uuid"] == A
    loop = await world.admin.put(f"/placement/resource_providers/{A}", {"name": "h1", "parent_provider_uuid": C})
    assert loop.status == 400 and "loop" in loop.json["errors"][0]["detail"]
    kept = await world.admin.delete(f"/placement/resource_providers/{A}")
    assert kept.json["errors"][0]["code"] == "placement.resource_provider.cannot_delete_parent"
    assert (await world.admin.delete(f"/placement/resource_providers/{C}")).status == 204
    assert [p["name"] for p in (await world.admin.get("/placement/resource_providers")).json["resource_providers"]] == ["h1", "h2"]
    assert "parent_provider_uuid" not in (await world.at("1.13").get(f"/placement/resource_providers/{A}")).json


async def test_inventories_and_generations(world):
    await world.placement.create_provider(A, "h1")
    url = f"/placement/resource_providers/{A}/inventories"
    body = {"resource_provider_generation": 0, "inventories": {"VCPU": {"total": 4}, "MEMORY_MB": {"total": 100, "reserved": 10}}}
    got = await world.admin.put(url, body)
    assert got.status == 200 and got.json["resource_provider_generation"] == 1 and got.json["inventories"]["MEMORY_MB"]["reserved"] == 10
    again = await world.admin.put(url, body)
    assert again.status == 409 and again.json["errors"][0]["code"] == "placement.concurrent_update"
    bad = {"resource_provider_generation": 1, "inventories": {"VCPU": {"total": 4, "reserved": 5}}}
    assert (await world.admin.put(url, bad)).status == 400
    assert (await world.admin.put(url, {"resource_provider_generation": 1, "inventories": {"CUSTOM_NO": {"total": 4}}})).status == 400
    assert (await world.admin.delete(url + "/VCPU")).status == 204
    assert (await world.admin.get(url + "/VCPU")).status == 404


async def test_allocations(world):
    await world.host(A, "h1", 4)
    url = f"/placement/allocations/{B}"
    body = {"allocations": {A: {"resources": {"VCPU": 3}}}, "project_id": "p", "user_id": "u", "consumer_generation": None,
            "consumer_type": "INSTANCE"}
    assert (await world.admin.put(url, body)).status == 204
    got = (await world.admin.get(url)).json
    assert got["allocations"][A]["resources"] == {"VCPU": 3} and got["consumer_generation"] == 1 and got["consumer_type"] == "INSTANCE"
    assert (await world.admin.put(url, body)).status == 409            # the generation was another by then
    much = await world.admin.put(f"/placement/allocations/{C}", body | {"allocations": {A: {"resources": {"VCPU": 2}}}})
    assert much.status == 409 and (await world.admin.get(f"/placement/allocations/{C}")).json == {"allocations": {}}
    assert (await world.admin.get("/placement/usages?project_id=p")).json["usages"] == {"INSTANCE": {"consumer_count": 1, "VCPU": 3}}
    assert (await world.at("1.9").get("/placement/usages?project_id=p")).json["usages"] == {"VCPU": 3}
    assert (await world.admin.delete(f"/placement/resource_providers/{A}")).json["errors"][0]["code"] == "placement.resource_provider.inuse"
    assert (await world.admin.delete(url)).status == 204
    assert (await world.admin.delete(url)).status == 404


async def test_traits_classes_and_aggregates(world):
    await world.placement.create_provider(A, "h1")
    assert (await world.admin.put("/placement/traits/CUSTOM_FAST")).status == 201
    assert (await world.admin.put("/placement/traits/CUSTOM_FAST")).status == 204
    assert (await world.admin.put("/placement/traits/FAST")).status == 400
    url = f"/placement/resource_providers/{A}/traits"
    assert (await world.admin.put(url, {"resource_provider_generation": 0, "traits": ["CUSTOM_FAST", "HW_CPU_X86_AVX"]})).status == 200
    assert (await world.admin.put(url, {"resource_provider_generation": 1, "traits": ["CUSTOM_SLOW"]})).status == 400
    assert (await world.admin.delete("/placement/traits/CUSTOM_FAST")).status == 409
    found = (await world.admin.get("/placement/resource_providers?required=CUSTOM_FAST")).json["resource_providers"]
    assert [p["uuid"] for p in found] == [A]
    assert (await world.admin.put("/placement/resource_classes/CUSTOM_GPU")).status == 201
    assert (await world.admin.delete("/placement/resource_classes/CUSTOM_GPU")).status == 204
    got = await world.admin.put(f"/placement/resource_providers/{A}/aggregates", {"aggregates": [B], "resource_provider_generation": 1})
    assert got.status == 200 and got.json["aggregates"] == [B]
    assert (await world.admin.get(f"/placement/resource_providers?member_of={B}")).json["resource_providers"][0]["uuid"] == A


async def test_candidates(world):
    await world.host(A, "h1", 4, MEMORY_MB=1000)
    await world.host(B, "h2", 8, MEMORY_MB=1000)
    got = (await world.admin.get("/placement/allocation_candidates?resources=VCPU:6,MEMORY_MB:100")).json
    assert [list(r["allocations"]) for r in got["allocation_requests"]] == [[B]]
    assert got["provider_summaries"][B]["resources"]["VCPU"] == {"capacity": 8, "used": 0}
    both = (await world.admin.get("/placement/allocation_candidates?resources=VCPU:1")).json
    assert len(both["allocation_requests"]) == 2
    assert len((await world.admin.get("/placement/allocation_candidates?resources=VCPU:1&limit=1")).json["allocation_requests"]) == 1
    assert (await world.admin.get("/placement/allocation_candidates")).status == 400
    assert (await world.admin.get("/placement/allocation_candidates?resources=NONE:1")).status == 400


async def test_granular_groups_and_nested_providers(world):
    await world.host(A, "host", 8)
    await world.placement.ensure_class("CUSTOM_PORT")
    for id, name in ((B, "nic1"), (C, "nic2")):
        await world.placement.create_provider(id, name, A)
        await world.placement.set_inventory(id, {"CUSTOM_PORT": Inventory(total=2)})
    query = "resources=VCPU:1&resources1=CUSTOM_PORT:1&resources2=CUSTOM_PORT:1"
    spread = (await world.admin.get(f"/placement/allocation_candidates?{query}&group_policy=isolate")).json["allocation_requests"]
    assert sorted(sorted(r["allocations"]) for r in spread) == [[A, B, C], [A, B, C]]
    anywhere = (await world.admin.get(f"/placement/allocation_candidates?{query}&group_policy=none")).json["allocation_requests"]
    assert len(anywhere) == 4
    assert (await world.admin.get(f"/placement/allocation_candidates?{query}")).status == 400


async def test_the_last_slot_is_won_once(world):
    await world.host(A, "h1", 10)
    won = []

    async def claim(i: int) -> None:
        try:
            await world.placement.claim(f"c{i}", {A: {"VCPU": 1}}, project_id="p", user_id="u")
            won.append(i)
        except NoCapacity:
            pass

    await asyncio.gather(*(claim(i) for i in range(2000)))
    assert len(won) == 10 and (await world.placement.usages_by_provider())[A]["VCPU"] == 10
    for i in won:
        await world.placement.claim(f"c{i}", {A: {"VCPU": 1}}, project_id="p", user_id="u")      # again is the same
        assert await world.placement.release(f"c{i}") and not await world.placement.release(f"c{i}")
    assert await world.placement.usages_by_provider() == {}


async def test_reshape_moves_inventory_with_its_allocations(world):
    await world.host(A, "host", 4, VGPU=2)
    await world.placement.create_provider(B, "gpu", A)
    await world.placement.claim(C, {A: {"VCPU": 1, "VGPU": 1}}, project_id="p", user_id="u")
    generation = (await world.placement.get_provider(A)).generation
    body = {"inventories": {A: {"resource_provider_generation": generation, "inventories": {"VCPU": {"total": 4}}},
                            B: {"resource_provider_generation": 0, "inventories": {"VGPU": {"total": 2}}}},
            "allocations": {C: {"allocations": {A: {"resources": {"VCPU": 1}}, B: {"resources": {"VGPU": 1}}}, "project_id": "p",
                                "user_id": "u", "consumer_generation": 1, "consumer_type": "INSTANCE"}}}
    assert (await world.admin.post("/placement/reshaper", body)).status == 403          # upstream: a service's business
    service = world.harness.as_("service").with_headers(OpenStack_API_Version="placement 1.39")
    got = await service.post("/placement/reshaper", body)
    assert got.status == 204, got.text
    assert await world.placement.usages_by_provider() == {A: {"VCPU": 1}, B: {"VGPU": 1}}


async def test_only_operators(world):
    for caller, status in ((world.harness.anonymous(), 401), (world.harness.as_("member"), 403), (world.harness.as_("service"), 200)):
        assert (await caller.get("/placement/resource_providers")).status == status
    member = world.harness.as_("member", project="p1").with_headers(OpenStack_API_Version="placement 1.9")
    assert (await member.get("/placement/usages?project_id=p1")).status == 200
    assert (await member.get("/placement/usages?project_id=other")).status == 403


async def test_older_versions_see_and_send_older_forms(world):
    await world.host(A, "h1", 4)
    listed = {"allocations": [{"resource_provider": {"uuid": A}, "resources": {"VCPU": 1}}]}
    assert (await world.at("1.0").put(f"/placement/allocations/{B}", listed)).status == 204
    assert (await world.at("1.8").put(f"/placement/allocations/{B}", listed)).status == 400             # who?
    assert (await world.at("1.8").put(f"/placement/allocations/{B}", listed | {"project_id": "p", "user_id": "u"})).status == 204
    assert (await world.at("1.12").put(f"/placement/allocations/{B}", listed | {"project_id": "p", "user_id": "u"})).status == 400
    url = f"/placement/allocations/{B}"
    keys = {v: set((await world.at(v).get(url)).json) for v in ("1.11", "1.12", "1.28", "1.38")}
    assert keys["1.11"] == {"allocations"} and keys["1.12"] == {"allocations", "project_id", "user_id"}
    assert keys["1.28"] - keys["1.12"] == {"consumer_generation"} and keys["1.38"] - keys["1.28"] == {"consumer_type"}
    show = f"/placement/resource_providers/{A}"
    rels = {v: [k["rel"] for k in (await world.at(v).get(show)).json["links"]] for v in ("1.0", "1.1", "1.11")}
    assert rels["1.0"] == ["self", "inventories", "usages"] and "aggregates" in rels["1.1"] and "allocations" in rels["1.11"]
    assert (await world.at("1.1").put(f"/placement/resource_providers/{A}/aggregates", [B])).json == {"aggregates": [B]}
    old, new = [(await world.at(v).get("/placement/allocation_candidates?resources=VCPU:1")).json for v in ("1.11", "1.12")]
    assert old["allocation_requests"] == [listed] and new["allocation_requests"] == [{"allocations": {A: {"resources": {"VCPU": 1}}}}]


async def test_a_route_and_a_parameter_begin_at_their_version(world):
    for version, path in (("1.1", "/resource_classes"), ("1.5", "/traits"), ("1.8", "/usages?project_id=p"),
                          ("1.9", "/allocation_candidates?resources=VCPU:1")):
        assert (await world.at(version).get("/placement" + path)).status == 404
    for version, query in (("1.2", f"member_of={A}"), ("1.3", "resources=VCPU:1"), ("1.13", f"in_tree={A}"), ("1.39", "no=such"),
                           ("1.17", "required=HW_CPU_X86_AVX"), ("1.38", "required=in:HW_CPU_X86_AVX,HW_CPU_X86_AVX2")):
        assert (await world.at(version).get(f"/placement/resource_providers?{query}")).status == 400, query


async def test_answers_say_when_they_were_true(world):
    await world.host(A, "h1", 4)
    for path in ("", f"/{A}", f"/{A}/inventories", f"/{A}/usages", f"/{A}/traits", f"/{A}/aggregates", f"/{A}/allocations"):
        old, new = [await world.at(v).get("/placement/resource_providers" + path) for v in ("1.14", "1.15")]
        assert "last-modified" not in old.headers, path
        assert new.headers["last-modified"].endswith("GMT") and new.headers["cache-control"] == "no-cache", path


async def test_errors_are_recognisable(world):
    missing = await world.admin.get(f"/placement/resource_providers/{A}")
    [error] = missing.json["errors"]
    assert (error["status"], error["title"], error["code"]) == (404, "Not Found", "placement.resource_provider.not_found")
    assert error["request_id"] == missing.headers["x-openstack-request-id"]
    assert "code" not in (await world.at("1.22").get(f"/placement/resource_providers/{A}")).json["errors"][0]
    unknown = await world.admin.post("/placement/resource_providers", {"name": "x", "colour": "red"})
    assert unknown.status == 400 and unknown.json["errors"][0]["detail"].startswith("JSON does not validate: Additional properties")
    broken = await world.admin.request("POST", "/placement/resource_providers", body=b"{", headers={"content-type": "application/json"})
    assert broken.json["errors"][0]["detail"].startswith("Malformed JSON")


async def test_what_is_in_use_stays(world):
    await world.host(A, "h1", 4, MEMORY_MB=100)
    await world.placement.claim(C, {A: {"VCPU": 1}}, project_id="p", user_id="u")
    for path in (f"/resource_providers/{A}/inventories/VCPU", f"/resource_providers/{A}/inventories"):
        refused = await world.admin.delete("/placement" + path)
        assert (refused.status, refused.json["errors"][0]["code"]) == (409, "placement.inventory.inuse")
    assert set(await world.placement.inventory(A)) == {"VCPU", "MEMORY_MB"}
    assert (await world.admin.delete(f"/placement/resource_providers/{A}/inventories/MEMORY_MB")).status == 204


async def test_a_refused_claim_changes_nothing(world):
    await world.host(A, "h1", 4)
    await world.host(B, "h2", 1)
    await world.placement.claim(C, {A: {"VCPU": 2}}, project_id="p", user_id="u")
    before = await world.placement.allocations(C), (await world.placement.get_provider(A)).generation
    with pytest.raises(NoCapacity):
        await world.placement.claim(C, {A: {"VCPU": 1}, B: {"VCPU": 2}}, project_id="p", user_id="u")
    assert (await world.placement.allocations(C), (await world.placement.get_provider(A)).generation) == before
    await world.placement.set_inventory(A, {"VCPU": Inventory(total=1)})                    # overcommitted from here on
    await world.placement.claim(C, {A: {"VCPU": 1}}, project_id="p", user_id="u")           # less is always possible
    assert await world.placement.usages_by_provider() == {A: {"VCPU": 1}}
