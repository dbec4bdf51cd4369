"""Where servers go, through the public API of a cloud with several hosts; and claims of schedulers that know nothing of each other."""

# SPDX-License-Identifier: Apache-2.0
import asyncio

import msgspec
import pytest

from pileus.compute.errors import NoValidHost
from pileus.compute.hypervisor.topology import Cell, PciPool, divide
from pileus.compute.model.demand import demand
from pileus.compute.model.flavor import Flavor
from pileus.compute.model.needs import traits_needed
from pileus.compute.service import snapshot
from pileus.compute.service.scheduling import Scheduling
from pileus.core.context import EVERYONE
from tests.cloud import TestCloud

COMPUTE = "/compute/v2.1"


async def flavor(cloud, *, ram=64, vcpus=1, disk=1, **specs) -> str:
    admin = await cloud.as_("pileus-admin")
    made = {"name": f"f{cloud.cloud.kit.ids.hex()}", "ram": ram, "vcpus": vcpus, "disk": disk}
    id = (await admin.post(f"{COMPUTE}/flavors", {"flavor": made})).json["flavor"]["id"]
    if specs:
        wanted = {key.replace("__", ":"): value for key, value in specs.items()}
        got = await admin.post(f"{COMPUTE}/flavors/{id}/os-extra_specs", {"extra_specs": wanted})
        assert got.status == 200, got.text
    return id


async def put(cloud, **fields) -> dict:
    got = await cloud.order(cloud="pileus-admin", **fields)
    assert got.status == 202, got.text
    await cloud.settle()
    return await cloud.show(got.json["server"]["id"])


async def with_inventory(cloud, host, **facts):
    cloud.drivers[host].size = msgspec.structs.replace(cloud.drivers[host].size, **facts)
    await report(cloud, host)


async def report(cloud, host):
    from pileus.compute.agent import report_host

    await report_host(cloud.cloud.hosts[host].compute)


async def test_a_fault_says_which_filter_removed_how_many_hosts():
    async with TestCloud(hosts=3, compute={"host_memory_mb": 2048}) as cloud:
        server = await put(cloud, flavorRef=await flavor(cloud, ram=4096))
        assert server["status"] == "ERROR"
        assert "3 hosts: RamFilter removed 3" in server["fault"]["message"]
        admin = await cloud.as_("pileus-admin")
        found = (await admin.get(f"/status/scheduler/{server['id']}")).json
        assert found["removed"] == {"RamFilter": 3}
        assert [h["refused_by"] for h in found["hosts"]] == [["RamFilter"]] * 3
        id = (await put(cloud))["id"]
        best, *_ = (await admin.get(f"/status/scheduler/{id}")).json["hosts"]
        assert best["refused_by"] == [] and set(best["weights"]) >= {"RAMWeigher", "CPUWeigher"}
        assert (await (await cloud.as_()).get(f"/status/scheduler/{id}")).status == 403


async def test_isolated_images_go_to_isolated_hosts_only():
    async with TestCloud(hosts=3, compute={"filters": ["ComputeFilter", "IsolatedHostsFilter"],
                                           "scheduler": {"isolated_hosts": ["h1-0002"], "isolated_images": []}}) as cloud:
        hosts = {(await put(cloud))["OS-EXT-SRV-ATTR:host"] for _ in range(6)}
        assert hosts == {"h1-0001", "h1-0003"}
        cloud.cloud.services.compute.config.scheduler.isolated_images.append(await cloud.image())
        cloud.cloud.services.compute.scheduling.snapshot.outdate()
        assert (await put(cloud))["OS-EXT-SRV-ATTR:host"] == "h1-0002"


async def test_a_configured_filter_that_does_not_exist_stops_the_start():
    with pytest.raises(ValueError, match="no such filter: NoFilter"):
        async with TestCloud(compute={"filters": ["NoFilter"]}):
            pass


async def test_a_wanted_host_must_pass_every_filter_and_a_forced_one_need_not():
    async with TestCloud(hosts=2) as cloud:
        admin = (await cloud.as_("pileus-admin")).with_headers(OpenStack_API_Version="compute 2.41")
        made = (await admin.post(f"{COMPUTE}/os-aggregates", {"aggregate": {"name": "a", "availability_zone": "far"}})).json["aggregate"]
        await admin.post(f"{COMPUTE}/os-aggregates/{made['id']}/action", {"add_host": {"host": "h1-0002"}})
        assert (await put(cloud, host="h1-0002"))["OS-EXT-SRV-ATTR:host"] == "h1-0002"
        assert (await put(cloud, hypervisor_hostname="h1-0001"))["OS-EXT-SRV-ATTR:host"] == "h1-0001"
        refused = await put(cloud, host="h1-0002", availability_zone="nova")
        assert "AvailabilityZoneFilter removed 1" in refused["fault"]["message"]
        assert (await put(cloud, availability_zone="nova:h1-0002"))["OS-EXT-SRV-ATTR:host"] == "h1-0002"
        assert (await cloud.order(cloud="pileus-admin", host="nowhere")).status == 400
        assert (await cloud.order(cloud="pileus-admin", host="h1-0001", hypervisor_hostname="h1-0002")).status == 400
        assert (await cloud.order(host="h1-0002")).status == 403


async def test_a_custom_resource_is_taken_where_it_is():
    async with TestCloud(hosts=3) as cloud:
        placement = cloud.cloud.services.placement
        from pileus.placement.model import Inventory

        await placement.ensure_class("CUSTOM_KEY")
        second = next(h for h in await cloud.cloud.services.compute.hosts.all() if h.host == "h1-0002")
        keys = await placement.create_provider("11111111-1111-4111-8111-111111111111", "keys", second.id)
        await placement.set_inventory(keys.id, {"CUSTOM_KEY": Inventory(total=2)})
        keyed = await flavor(cloud, resources__CUSTOM_KEY="1")
        assert [(await put(cloud, flavorRef=keyed))["OS-EXT-SRV-ATTR:host"] for _ in range(2)] == ["h1-0002"] * 2
        assert (await placement.usages_by_provider())[keys.id] == {"CUSTOM_KEY": 2}
        third = await put(cloud, flavorRef=keyed)
        assert third["status"] == "ERROR" and "placement removed 3" in third["fault"]["message"]
        await (await cloud.as_("pileus-admin")).delete(f"{COMPUTE}/servers/{third['id']}")
        unknown = await put(cloud, flavorRef=await flavor(cloud, resources__CUSTOM_NOBODY="1"))
        assert unknown["status"] == "ERROR"


async def test_dedicated_cpus_and_cells_are_refused_by_the_scheduler_and_not_at_boot():
    async with TestCloud(hosts=2) as cloud:
        pinned = await flavor(cloud, vcpus=2, hw__cpu_policy="dedicated")
        nowhere = await put(cloud, flavorRef=pinned)
        assert "CoreFilter removed 2" in nowhere["fault"]["message"]
        await with_inventory(cloud, "h1-0002", pcpus=4, cells=(Cell(id=0, cpus=(0, 1), dedicated=(2, 3, 4, 5), memory_mb=4096),))
        server = await put(cloud, flavorRef=pinned)
        assert server["OS-EXT-SRV-ATTR:host"] == "h1-0002"
        host = next(h for h in await cloud.cloud.services.compute.hosts.all() if h.host == "h1-0002")
        used = (await cloud.cloud.services.placement.usages_by_provider())[host.id]
        assert used.get("PCPU") == 2 and "VCPU" not in used


async def test_configured_cpu_sets_divide_a_host():
    async with TestCloud(compute={"host_vcpus": 8, "cpu_shared_set": "0-1", "cpu_dedicated_set": "2-7,^7"}) as cloud:
        host, = await cloud.cloud.services.compute.hosts.all()
        assert (host.inventory.vcpus, host.inventory.pcpus) == (2, 5)
        stocks = await cloud.cloud.services.placement.inventory(host.id)
        assert (stocks["VCPU"].total, stocks["PCPU"].total, stocks["PCPU"].allocation_ratio) == (2, 5, 1.0)
        pinned = await flavor(cloud, vcpus=3, hw__cpu_policy="dedicated")
        assert [(await put(cloud, flavorRef=pinned))["status"] for _ in range(2)] == ["ACTIVE", "ERROR"]


async def test_a_report_leaves_alone_what_is_not_the_hosts_and_what_is_still_held(cloud):
    from pileus.placement.model import Inventory

    placement, (host,) = cloud.cloud.services.placement, await cloud.cloud.services.compute.hosts.all()
    await placement.ensure_class("CUSTOM_KEY")
    await placement.set_inventory(host.id, {n: s.plain for n, s in (await placement.inventory(host.id)).items()} | {
        "CUSTOM_KEY": Inventory(total=3), "PCPU": Inventory(total=2)})
    await placement.claim(host.service_id, {host.id: {"PCPU": 1}}, project_id="p", user_id="u")
    before = (await placement.get_provider(host.id)).generation
    await report(cloud, "h1")
    assert (await placement.get_provider(host.id)).generation == before
    await placement.release(host.service_id)
    await report(cloud, "h1")
    assert set(await placement.inventory(host.id)) == {"VCPU", "MEMORY_MB", "DISK_GB", "CUSTOM_KEY"}


def test_processors_are_divided():
    cells = (Cell(id=0, cpus=(0, 1)), Cell(id=1, cpus=(2, 3)))
    assert divide(cells, 4, None, ()) == (4, 0, cells)
    assert divide(cells, 4, None, [1, 3])[:2] == (0, 2)
    assert divide(cells, 4, [0], [3]) == (1, 1, (Cell(id=0, cpus=(0,)), Cell(id=1, dedicated=(3,))))


async def test_a_disabled_host_says_so_in_placement_and_aggregates_are_mirrored(cloud):
    placement, admin = cloud.cloud.services.placement, await cloud.as_("pileus-admin")
    host, = await cloud.cloud.services.compute.hosts.all()
    await admin.put(f"{COMPUTE}/os-services/disable", {"host": "h1", "binary": "nova-compute"})
    assert "COMPUTE_STATUS_DISABLED" in await placement.traits(host.id)
    await report(cloud, "h1")
    assert "COMPUTE_STATUS_DISABLED" in await placement.traits(host.id)
    await admin.put(f"{COMPUTE}/os-services/enable", {"host": "h1", "binary": "nova-compute"})
    assert "COMPUTE_STATUS_DISABLED" not in await placement.traits(host.id)
    new = admin.with_headers(OpenStack_API_Version="compute 2.41")
    aggregate = (await new.post(f"{COMPUTE}/os-aggregates", {"aggregate": {"name": "rack"}})).json["aggregate"]
    await new.post(f"{COMPUTE}/os-aggregates/{aggregate['id']}/action", {"add_host": {"host": "h1"}})
    other = "22222222-2222-4222-8222-222222222222"
    assert await placement.aggregates(host.id) == {aggregate["uuid"]}
    await placement.set_aggregates(host.id, {other})
    await report(cloud, "h1")
    assert await placement.aggregates(host.id) == {aggregate["uuid"], other}
    await new.post(f"{COMPUTE}/os-aggregates/{aggregate['id']}/action", {"remove_host": {"host": "h1"}})
    assert await placement.aggregates(host.id) == {other}


async def test_pci_devices_by_alias():
    aliases = {"gpu": [{"vendor_id": "10de"}]}
    async with TestCloud(hosts=2, compute={"scheduler": {"pci_aliases": aliases}}) as cloud:
        wanting = await flavor(cloud, **{"pci_passthrough__alias": "gpu:1"})
        assert "PciPassthroughFilter removed 2" in (await put(cloud, flavorRef=wanting))["fault"]["message"]
        await with_inventory(cloud, "h1-0001", pci=(PciPool(vendor_id="10de", product_id="1", count=1),))
        assert (await put(cloud, flavorRef=wanting))["OS-EXT-SRV-ATTR:host"] == "h1-0001"
        unknown = await cloud.order(flavorRef=await flavor(cloud, **{"pci_passthrough__alias": "tpu:1"}))
        assert unknown.status == 400 and "tpu:1 is not defined" in unknown.text
        uneven = await cloud.order(flavorRef=await flavor(cloud, vcpus=3, hw__numa_nodes="2"))
        assert uneven.status == 400 and "cannot be shared evenly" in uneven.text


async def test_a_host_that_fails_is_chosen_last_until_it_succeeds():
    async with TestCloud(hosts=2, compute={"max_attempts": 2}) as cloud:
        cloud.drivers["h1-0001"].fails = {"spawn"}
        for _ in range(4):
            assert (await put(cloud))["OS-EXT-SRV-ATTR:host"] == "h1-0002"
        assert cloud.cloud.services.compute.scheduling.snapshot.failed_builds == {"h1-0001": 1}
        cloud.drivers["h1-0001"].fails = set()
        await (await cloud.as_("pileus-admin")).put(f"{COMPUTE}/os-services/disable", {"host": "h1-0002", "binary": "nova-compute"})
        assert (await put(cloud))["OS-EXT-SRV-ATTR:host"] == "h1-0001"
        assert cloud.cloud.services.compute.scheduling.snapshot.failed_builds == {}


async def test_a_new_host_takes_servers_at_once(cloud, monkeypatch):
    monkeypatch.setattr(snapshot, "REFRESH_S", 1e9)
    await put(cloud)
    await cloud.cloud.add_host("h2")
    assert (await put(cloud, host="h2"))["OS-EXT-SRV-ATTR:host"] == "h2"


async def test_an_allocation_ratio_set_in_placement_stays_and_counts():
    async with TestCloud(hosts=1, compute={"host_vcpus": 2}) as cloud:
        host, = await cloud.cloud.services.compute.hosts.all()
        admin = (await cloud.as_("pileus-admin")).with_headers(OpenStack_API_Version="placement 1.39")
        path = f"/placement/resource_providers/{host.id}/inventories/VCPU"
        stock = (await admin.get(path)).json
        assert stock["allocation_ratio"] == 16.0
        assert (await admin.put(path, {**stock, "allocation_ratio": 1.0})).status == 200
        await report(cloud, "h1")
        assert (await admin.get(path)).json["allocation_ratio"] == 1.0
        cloud.cloud.services.compute.scheduling.snapshot.outdate()
        assert [(await put(cloud))["status"] for _ in range(3)] == ["ACTIVE", "ACTIVE", "ERROR"]


def test_what_a_flavor_takes():
    now = "2026-01-01T00:00:00Z"
    made = msgspec.convert({"id": "1", "name": "f", "vcpus": 4, "memory_mb": 512, "root_gib": 1, "ephemeral_gib": 0, "swap_mb": 1,
                            "created_at": now}, Flavor)
    specs = {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "0-1", "resources:DISK_GB": "0", "resources:CUSTOM_A": "2",
             "hw:pmem": "6GB,6GB,large",
             "resources1:VGPU": "1", "trait1:CUSTOM_T": "required", "trait_none:X": "required", "group_policy": "isolate"}
    found = demand(msgspec.structs.replace(made, extra_specs=specs), {})
    assert found.resources == {"VCPU": 2, "PCPU": 2, "MEMORY_MB": 512, "CUSTOM_A": 2,
                               "CUSTOM_PMEM_NAMESPACE_6GB": 2, "CUSTOM_PMEM_NAMESPACE_LARGE": 1}
    assert found.isolate and found.unusual and list(found.groups) == ["1"]
    assert found.groups["1"].resources == {"VGPU": 1} and found.groups["1"].required == {"CUSTOM_T"}
    assert not demand(made, {}).unusual


async def test_two_schedulers_with_thousands_of_claims_never_overcommit():
    """Each of the two decides on a snapshot that knows nothing of the other's claims until it is read anew."""
    async with TestCloud(hosts=10, compute={"host_vcpus": 20, "cpu_allocation_ratio": 5.0, "host_memory_mb": 64 * 1024}) as cloud:
        compute, placement = cloud.cloud.services.compute, cloud.cloud.services.placement
        one = await compute.store.get(await cloud.boot(), EVERYONE)
        schedulers = [compute.scheduling, Scheduling(
            compute.kit, compute.config, hosts=compute.hosts, aggregates=compute.aggregates, server_groups=compute.server_groups,
            servers=compute.store, placement=placement)]
        placed, refused = [], []

        async def claim(n: int) -> None:
            server = msgspec.structs.replace(one, id=f"{n:08d}-0000-4000-8000-000000000000", host=None, host_id=None)
            scheduler = schedulers[n % 2]
            for _ in range(3):
                try:
                    choices = await scheduler.rank(server)
                    await asyncio.sleep(0)                       # the other one claims in between
                    placed.append((await scheduler.claim(server, choices)).host)
                    return
                except NoValidHost:
                    continue
            refused.append(n)

        await asyncio.gather(*(claim(n) for n in range(2000)))
        assert len(placed) == 999 and len(refused) == 1001       # 10 hosts with 100 slots, less the one that booted
        for used in (await placement.usages_by_provider()).values():
            assert used["VCPU"] == 100


async def test_limits_send_a_server_to_a_host_that_enforces_them():
    async with TestCloud(hosts=2) as cloud:
        traits = cloud.drivers["h1-0001"].size.traits
        await with_inventory(cloud, "h1-0001", traits=tuple(t for t in traits if "LIMITS" not in t))
        for specs in ({"quota__cpu_quota": "20000"}, {"quota__vif_outbound_average": "100"}):
            limited = await flavor(cloud, **specs)
            for _ in range(2):
                assert (await put(cloud, flavorRef=limited))["OS-EXT-SRV-ATTR:host"] == "h1-0002"
        await with_inventory(cloud, "h1-0002", traits=tuple(t for t in traits if "LIMITS" not in t))
        refused = await put(cloud, flavorRef=limited)
        assert refused["status"] == "ERROR" and "No valid host" in refused["fault"]["message"]


@pytest.mark.parametrize("specs, trait", [
    ({"hw:tpm_version": "2.0"}, "COMPUTE_SECURITY_TPM_2_0"), ({"os:secure_boot": "required"}, "COMPUTE_SECURITY_UEFI_SECURE_BOOT"),
    ({"hw:mem_encryption": "true"}, "HW_CPU_X86_AMD_SEV"), ({"hw:cpu_realtime": "yes"}, "CUSTOM_COMPUTE_REALTIME"),
    ({"hw:ephemeral_encryption": "true"}, "COMPUTE_EPHEMERAL_ENCRYPTION")])
async def test_a_machine_that_no_host_can_make_is_refused_by_the_scheduler(specs, trait):
    """Instead of one that is silently another than was ordered."""
    async with TestCloud(hosts=2) as cloud:
        wanting = await flavor(cloud, **{key.replace(":", "__"): value for key, value in specs.items()})
        refused = await put(cloud, flavorRef=wanting)
        assert refused["status"] == "ERROR" and "No valid host" in refused["fault"]["message"]
        explained = (await (await cloud.as_("pileus-admin")).get(f"/status/scheduler/{refused['id']}")).json
        assert f"none is what was asked for: {trait})" in refused["fault"]["message"]
        assert explained["traits"] == {trait: 2} and all("traits" in host["refused_by"] for host in explained["hosts"])
        assert traits_needed(specs, {}) == {trait} and not traits_needed({}, {})
        await with_inventory(cloud, "h1-0002", traits=(*cloud.drivers["h1-0002"].size.traits, trait))
        assert (await put(cloud, flavorRef=wanting))["OS-EXT-SRV-ATTR:host"] == "h1-0002"


def test_an_image_may_need_it_too():
    assert traits_needed({}, {"hw_tpm_version": "1.2", "hw_firmware_stateless": "true"}) == {
        "COMPUTE_SECURITY_TPM_1_2", "COMPUTE_SECURITY_STATELESS_FIRMWARE"}
    assert traits_needed({"os:secure_boot": "disabled"}, {"os_secure_boot": "required"}) == frozenset()
