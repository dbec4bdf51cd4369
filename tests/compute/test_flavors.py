"""Flavors through the API."""

import pytest

from pileus.compute.errors import ExtraSpecInvalid
from pileus.compute.model import extra_specs
from tests.compute.resources import ROOT, compute

SMALL = {"name": "small", "id": "1", "ram": 512, "vcpus": 1, "disk": 1}
FLAVORS = f"{ROOT}/flavors"


async def make(c, version="2.104", **fields):
    return await c.admin(version).post(FLAVORS, {"flavor": SMALL | fields})


async def test_a_flavor_lives_its_life():
    async with compute() as c:
        made = await make(c, swap=64, description="first")
        assert made.status == 200
        flavor = made.json["flavor"]
        assert flavor == {
            "id": "1",
            "name": "small",
            "ram": 512,
            "vcpus": 1,
            "disk": 1,
            "swap": 64,
            "OS-FLV-EXT-DATA:ephemeral": 0,
            "os-flavor-access:is_public": True,
            "description": "first",
            "extra_specs": {},
            "links": [
                {"rel": "self", "href": "http://falconframework.org/compute/v2.1/flavors/1"},
                {"rel": "bookmark", "href": "http://falconframework.org/compute/flavors/1"},
            ],
        }
        assert (await c.member().get(f"{FLAVORS}/1")).json["flavor"] == flavor
        assert (await c.member().get(f"{FLAVORS}/detail")).json == {"flavors": [flavor]}
        assert (await c.member().get(FLAVORS)).json == {"flavors": [{k: flavor[k] for k in ("id", "name", "links", "description")}]}
        changed = await c.admin().put(f"{FLAVORS}/1", {"flavor": {"description": None}})
        assert changed.status == 200 and changed.json["flavor"]["description"] is None
        gone = await c.admin().delete(f"{FLAVORS}/1")
        assert gone.status == 202 and gone.data == b""
        missing = await c.member().get(f"{FLAVORS}/1")
        assert missing.status == 404 and missing.json == {"itemNotFound": {"code": 404, "message": "Flavor 1 could not be found."}}
        assert (await c.admin().delete(f"{FLAVORS}/1")).status == 404
        assert (await c.admin().put(f"{FLAVORS}/1", {"flavor": {"description": "x"}})).status == 404


async def test_each_version_shows_what_it_knew():
    async with compute() as c:
        await make(c)
        oldest = (await c.member("2.1").get(f"{FLAVORS}/1")).json["flavor"]
        assert oldest["swap"] == "" and oldest["rxtx_factor"] == 1.0 and oldest["OS-FLV-DISABLED:disabled"] is False
        assert not {"description", "extra_specs"} & oldest.keys()
        assert set((await c.member("2.1").get(FLAVORS)).json["flavors"][0]) == {"id", "name", "links"}
        for version, wanted in (
            ("2.54", set()),
            ("2.55", {"description"}),
            ("2.60", {"description"}),
            ("2.61", {"description", "extra_specs"}),
        ):
            shown = (await c.member(version).get(f"{FLAVORS}/detail")).json["flavors"][0]
            assert {"description", "extra_specs"} & shown.keys() == wanted, version
        assert (await c.member("2.75").get(f"{FLAVORS}/1")).json["flavor"]["swap"] == 0
        assert "rxtx_factor" in (await c.member("2.101").get(f"{FLAVORS}/1")).json["flavor"]
        assert "rxtx_factor" not in (await c.member("2.102").get(f"{FLAVORS}/1")).json["flavor"]
        assert (await c.admin("2.54").put(f"{FLAVORS}/1", {"flavor": {"description": "x"}})).status == 404


async def test_what_create_takes_depends_on_the_version():
    async with compute() as c:
        assert (await make(c, "2.54", description="early")).status == 400
        assert (await make(c, "2.102", rxtx_factor=2)).status == 400
        assert (await make(c, "2.101", rxtx_factor="2.5")).json["flavor"]["rxtx_factor"] == 2.5


async def test_loose_spellings():
    async with compute() as c:
        made = await c.admin("2.1").post(
            FLAVORS,
            {
                "flavor": {
                    "name": "x",
                    "id": 7,
                    "ram": "1024",
                    "vcpus": "2",
                    "disk": "3",
                    "swap": "4",
                    "OS-FLV-EXT-DATA:ephemeral": "5",
                    "os-flavor-access:is_public": "False",
                }
            },
        )
        flavor = made.json["flavor"]
        assert (flavor["id"], flavor["ram"], flavor["vcpus"], flavor["disk"], flavor["swap"]) == ("7", 1024, 2, 3, 4)
        assert flavor["OS-FLV-EXT-DATA:ephemeral"] == 5 and flavor["os-flavor-access:is_public"] is False
        for id in ({"id": None}, {}):
            made = await c.admin("2.1").post(FLAVORS, {"flavor": {"name": f"auto{len(id)}", "ram": 1, "vcpus": 1, "disk": 0} | id})
            assert len(made.json["flavor"]["id"]) == 36


BAD = [
    {"name": ""},
    {"name": " "},
    {"name": " lead"},
    {"name": "a\nb"},
    {"name": "n" * 256},
    {"ram": 0},
    {"ram": "0"},
    {"ram": "x"},
    {"ram": -1},
    {"ram": 1 << 31},
    {"ram": None},
    {"vcpus": 0},
    {"vcpus": 1.5},
    {"disk": -1},
    {"swap": -1},
    {"OS-FLV-EXT-DATA:ephemeral": -1},
    {"os-flavor-access:is_public": "maybe"},
    {"id": "a/b"},
    {"id": ""},
    {"id": " x"},
    {"id": "x" * 256},
    {"unknown": 1},
    {"vcpus": True},
    {"description": "x" * 65536},
    {"description": 1},
]


@pytest.mark.parametrize("fields", BAD, ids=lambda f: str(f)[:40])
async def test_bad_input_changes_nothing(fields):
    async with compute() as c:
        answer = await make(c, **fields)
        assert answer.status == 400 and answer.json["badRequest"]["code"] == 400
        assert (await c.admin().get(FLAVORS)).json["flavors"] == []


@pytest.mark.parametrize("factor", [0, -1, "x", "", "1.", ".5", "nan", 1e39])
async def test_bad_rxtx_factors(factor):
    async with compute() as c:
        assert (await make(c, "2.1", rxtx_factor=factor)).status == 400


async def test_ids_and_names_are_unique():
    async with compute() as c:
        await make(c)
        same_id = await make(c, name="other")
        assert same_id.status == 409 and same_id.json["conflictingRequest"]["message"] == "Flavor with ID 1 already exists."
        same_name = await make(c, id="2")
        assert (
            same_name.status == 409 and same_name.json["conflictingRequest"]["message"] == "Flavor with name small already exists."
        )


async def test_lists_are_filtered_sorted_and_paged():
    async with compute() as c:
        for id, ram, disk in (("a", 512, 30), ("b", 1024, 20), ("c", 2048, 10)):
            await make(c, id=id, name=f"n-{id}", ram=ram, disk=disk)

        async def ids(query, version="2.104", role="member"):
            answer = await c.caller(role, version).get(f"{FLAVORS}?{query}")
            return [f["id"] for f in answer.json["flavors"]] if answer.status == 200 else answer.status

        assert await ids("") == ["a", "b", "c"]
        assert await ids("minRam=1024") == ["b", "c"] and await ids("minDisk=20") == ["a", "b"]
        assert await ids("minRam=x") == 400 and await ids("minDisk=x") == 400
        assert await ids("sort_key=memory_mb&sort_dir=desc") == ["c", "b", "a"] and await ids("sort_key=root_gb") == ["c", "b", "a"]
        assert await ids("sort_key=secret") == 400 and await ids("sort_dir=up") == 400
        assert (
            await ids("name=n-b") == ["b"]
            and await ids("name=n-b", "2.101") == 400
            and await ids("name=n-b", "2.74") == ["a", "b", "c"]
        )
        assert await ids("limit=0") == [] and await ids("limit=-1") == 400 and await ids("limit=x") == 400
        assert await ids("marker=zzz") == 400 and await ids("marker=a") == ["b", "c"]
        assert await ids("who=knows") == 400 and await ids("who=knows", "2.74") == ["a", "b", "c"]
        first = (await c.member().get(f"{FLAVORS}?limit=2&sort_dir=desc")).json
        assert [f["id"] for f in first["flavors"]] == ["c", "b"]
        (link,) = first["flavors_links"]
        assert link["rel"] == "next"
        second = (await c.member().get(link["href"].removeprefix("http://falconframework.org"))).json
        assert [f["id"] for f in second["flavors"]] == ["a"] and "flavors_links" not in second


async def test_private_flavors_are_seen_by_those_they_were_granted_to():
    async with compute() as c:
        await make(c, **{"os-flavor-access:is_public": False})
        await make(c, id="2", name="open")
        act, granted = f"{FLAVORS}/1/action", {"flavor_access": [{"flavor_id": "1", "tenant_id": "p1"}]}
        assert (await c.member().get(f"{FLAVORS}/1")).status == 404
        added = await c.admin(project="p9").post(act, {"addTenantAccess": {"tenant": "p1"}})
        assert added.status == 200 and added.json == granted
        assert (await c.admin().get(f"{FLAVORS}/1/os-flavor-access")).json == granted
        assert (await c.member().get(f"{FLAVORS}/1")).status == 200
        assert (await c.member(project="p2").get(f"{FLAVORS}/1")).status == 404

        async def seen(query="", project="p1", role="member"):
            return [f["id"] for f in (await c.caller(role, project=project).get(FLAVORS + query)).json["flavors"]]

        assert await seen() == ["1", "2"] and await seen(project="p2") == ["2"] and await seen("?is_public=false", "p2") == ["2"]
        assert await seen(project="p9", role="admin") == ["2"] and await seen("?is_public=None", "p9", "admin") == ["1", "2"]
        assert await seen("?is_public=False", "p9", "admin") == ["1"]
        assert (await c.admin().get(f"{FLAVORS}?is_public=maybe")).status == 400
        assert (await c.admin().post(act, {"addTenantAccess": {"tenant": "p1"}})).status == 409
        removed = await c.admin().post(act, {"removeTenantAccess": {"tenant": "p1"}})
        assert removed.status == 200 and removed.json == {"flavor_access": []}
        assert (await c.admin().post(act, {"removeTenantAccess": {"tenant": "p1"}})).status == 404
        assert (await c.admin().get(f"{FLAVORS}/2/os-flavor-access")).status == 404
        assert (await c.admin().post(f"{FLAVORS}/2/action", {"addTenantAccess": {"tenant": "p1"}})).status == 409
        assert (await c.admin("2.6").post(f"{FLAVORS}/2/action", {"addTenantAccess": {"tenant": "p1"}})).status == 200
        for body in (
            {},
            {"addTenantAccess": {}},
            {"explode": {}},
            {"addTenantAccess": {"tenant": "a"}, "removeTenantAccess": {"tenant": "a"}},
        ):
            assert (await c.admin().post(act, body)).status == 400


async def test_only_administrators_change_flavors():
    async with compute() as c:
        await make(c)
        member = c.member()
        for answer in (
            await member.post(FLAVORS, {"flavor": SMALL}),
            await member.put(f"{FLAVORS}/1", {"flavor": {"description": "x"}}),
            await member.delete(f"{FLAVORS}/1"),
            await member.get(f"{FLAVORS}/1/os-flavor-access"),
            await member.post(f"{FLAVORS}/1/action", {"addTenantAccess": {"tenant": "p1"}}),
            await member.post(f"{FLAVORS}/1/action", {"removeTenantAccess": {"tenant": "p1"}}),
            await member.post(f"{FLAVORS}/1/os-extra_specs", {"extra_specs": {"a": "b"}}),
            await member.put(f"{FLAVORS}/1/os-extra_specs/a", {"a": "b"}),
            await member.delete(f"{FLAVORS}/1/os-extra_specs/a"),
        ):
            assert answer.status == 403, answer.text


async def test_extra_specs():
    async with compute() as c:
        await make(c)
        specs = f"{FLAVORS}/1/os-extra_specs"
        assert (await c.member().get(specs)).json == {"extra_specs": {}}
        assert (await c.admin().post(specs, {"extra_specs": {"a": "b", "hw:numa_nodes": 1}})).json == {
            "extra_specs": {"a": "b", "hw:numa_nodes": "1"}
        }
        assert (await c.admin().put(f"{specs}/a", {"a": "c"})).json == {"a": "c"}
        assert (await c.member().get(f"{specs}/a")).json == {"a": "c"}
        assert (await c.member("2.61").get(f"{FLAVORS}/1")).json["flavor"]["extra_specs"] == {"a": "c", "hw:numa_nodes": "1"}
        assert (await c.member().get(f"{specs}/none")).status == 404
        gone = await c.admin().delete(f"{specs}/a")
        assert gone.status == 200 and gone.data == b""
        assert (await c.admin().delete(f"{specs}/a")).status == 404
        assert (await c.admin().put(f"{specs}/a", {"b": "c"})).status == 400
        assert (await c.admin().put(f"{specs}/a", {"a": "c", "b": "c"})).status == 400
        for bad in ({"": "x"}, {"k" * 256: "x"}, {"k": "v" * 256}, {"k/k": "v"}, {"k": None}):
            assert (await c.admin().post(specs, {"extra_specs": bad})).status == 400
        assert (await c.admin().post(f"{FLAVORS}/none/os-extra_specs", {"extra_specs": {"a": "b"}})).status == 404


async def test_extra_specs_are_validated_from_2_86_on():
    async with compute() as c:
        await make(c)
        bad = {"extra_specs": {"hw:cpu_policy": "sharrred"}}
        assert (await c.admin("2.86").post(f"{FLAVORS}/1/os-extra_specs", bad)).status == 400
        assert (await c.admin("2.86").put(f"{FLAVORS}/1/os-extra_specs/hw:numa_nodes", {"hw:numa_nodes": "0"})).status == 400
        assert (await c.admin("2.85").post(f"{FLAVORS}/1/os-extra_specs", bad)).status == 200


GOOD_SPECS = [
    ("free", "anything"),
    ("custom:space", "x"),
    ("hw:cpu_policy", "dedicated"),
    ("hw:mem_page_size", "1GB"),
    ("hw:numa_cpus.0", "0-3,^1"),
    ("resources:VCPU", "2"),
    ("resources1:CUSTOM_GPU", "1"),
    ("trait:HW_CPU_X86_AVX2", "required"),
    ("trait_net:CUSTOM_X", "forbidden"),
    ("quota:disk_read_iops_sec", "100"),
    ("hw_rng:allowed", "True"),
    ("aggregate_instance_extra_specs:ssd", "<in> true"),
    ("capabilities:cpu_info:features", "<in> avx"),
    ("pci_passthrough:alias", "gpu:1, nic:2"),
    ("os:secure_boot", "required"),
    ("capabilities:vcpus", ">= 2"),
    ("group_policy", "none"),
]
BAD_SPECS = [
    ("hw:cpu_policy", "x"),
    ("hw:numa_nodes", "0"),
    ("hw:numa_nodes", "one"),
    ("hw:redirected_usb_ports", "16"),
    ("hw:nonsense", "1"),
    ("trait:HW_X", "maybe"),
    ("resources:VCPU", "many"),
    ("hw_rng:allowed", "perhaps"),
    ("hw:mem_page_size", "huge"),
    ("quota:none", "1"),
    ("resources:vcpu", "1"),
    ("hide_hypervisor_id", "perhaps"),
]


@pytest.mark.parametrize(("key", "value"), GOOD_SPECS)
def test_good_extra_specs(key, value):
    extra_specs.check(key, value)


@pytest.mark.parametrize(("key", "value"), BAD_SPECS)
def test_bad_extra_specs(key, value):
    with pytest.raises(ExtraSpecInvalid):
        extra_specs.check(key, value)
