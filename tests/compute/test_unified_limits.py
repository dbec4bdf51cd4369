"""Limits that identity keeps; projects that there are not; addresses of hosts."""

# SPDX-License-Identifier: Apache-2.0
from tests.cloud import TestCloud

COMPUTE = "/compute/v2.1"


async def test_identity_keeps_the_limits_when_it_is_told_to():
    async with TestCloud(compute={"unified_limits": True}) as cloud:
        admin, project = await cloud.as_("pileus-admin"), await cloud.project()
        nothing = await cloud.order()
        assert nothing.status == 403 and "Quota exceeded for instances, cores, ram" in nothing.text
        service = next(s["id"] for s in (await admin.get("/identity/v3/services")).json["services"] if s["type"] == "compute")
        registered = [{"service_id": service, "resource_name": name, "default_limit": limit}
                      for name, limit in (("servers", 1), ("class:VCPU", 10), ("class:MEMORY_MB", 10240), ("server_groups", 3))]
        assert (await admin.post("/identity/v3/registered_limits", {"registered_limits": registered})).status == 201
        assert (await cloud.order()).status == 202
        assert (await cloud.order()).status == 403
        limit = {"service_id": service, "resource_name": "servers", "resource_limit": 2, "project_id": project}
        assert (await admin.post("/identity/v3/limits", {"limits": [limit]})).status == 201
        assert (await cloud.order()).status == 202
        shown = (await admin.get(f"{COMPUTE}/os-quota-sets/{project}")).json["quota_set"]
        assert (shown["instances"], shown["cores"], shown["server_groups"], shown["key_pairs"]) == (2, 10, 3, 0)
        refused = await admin.put(f"{COMPUTE}/os-quota-sets/{project}", {"quota_set": {"instances": 5}})
        assert refused.status == 400 and "identity service" in refused.text
        await cloud.settle()


async def test_quota_sets_of_projects_that_there_are_not_are_refused(cloud):
    admin = await cloud.as_("pileus-admin")
    for path in ("nobody", "nobody/detail", "nobody/defaults"):
        got = await admin.get(f"{COMPUTE}/os-quota-sets/{path}")
        assert got.status == 400 and "nobody is not a valid project" in got.text
    assert (await admin.put(f"{COMPUTE}/os-quota-sets/nobody", {"quota_set": {"cores": 1}})).status == 400
    assert (await admin.get(f"{COMPUTE}/os-quota-sets/{await cloud.project()}")).status == 200


async def test_hosts_have_addresses():
    async with TestCloud(network={"underlay": "192.0.2.7"}) as cloud:
        admin = await cloud.as_("pileus-admin")
        assert (await admin.get(f"{COMPUTE}/os-hypervisors/detail")).json["hypervisors"][0]["host_ip"] == "192.0.2.7"
