"""Servers of one group that are ordered at one moment keep to its policy."""

# SPDX-License-Identifier: Apache-2.0
import pytest

from tests.cloud import TestCloud

COMPUTE = "/compute/v2.1"


@pytest.mark.parametrize("policy", ["anti-affinity", "affinity"])
async def test_what_is_ordered_together_is_placed_by_its_policy(policy):
    async with TestCloud(hosts=4) as cloud:
        user, store = await cloud.as_(), cloud.cloud.services.compute.store
        for round in range(5):
            body = {"server_group": {"name": f"g{round}", "policies": [policy]}}
            made = await user.post(f"{COMPUTE}/os-server-groups", body, headers={"OpenStack-API-Version": "compute 2.1"})
            group = made.json["server_group"]["id"]
            await cloud.order(hints={"group": group}, min_count=4, max_count=4)
            await cloud.settle()
            members = (await user.get(f"{COMPUTE}/os-server-groups/{group}")).json["server_group"]["members"]
            hosts = {(await store.find(id)).host for id in members}
            assert len(members) == 4 and None not in hosts
            assert len(hosts) == (4 if policy == "anti-affinity" else 1)
            for id in members:
                await user.delete(f"{COMPUTE}/servers/{id}")
            await cloud.settle()
