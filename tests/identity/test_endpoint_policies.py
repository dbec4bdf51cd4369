"""OS-ENDPOINT-POLICY: which policy file is for which endpoint."""

from tests.identity.booted import V3
from tests.identity.test_projects import create


async def test_the_nearest_policy_is_in_force(keystone):
    admin = await keystone.as_()
    policies = []
    for blob in ("1", "2", "3"):
        policies.append((await admin.post(f"{V3}/policies", {"policy": {"type": "x", "blob": blob}})).json["policy"])
    await admin.post(f"{V3}/regions", {"region": {"id": "top"}})
    await admin.post(f"{V3}/regions", {"region": {"id": "low", "parent_region_id": "top"}})
    service = (await create(admin, "service", type="dns"))["id"]
    endpoint = await create(admin, "endpoint", service_id=service, interface="public", url="http://x", region_id="low")
    asked = f"{V3}/endpoints/{endpoint['id']}/OS-ENDPOINT-POLICY/policy"
    assert (await admin.get(asked)).status == 404
    places = (f"services/{service}", f"services/{service}/regions/top", f"endpoints/{endpoint['id']}")
    paths = [f"{V3}/policies/{p['id']}/OS-ENDPOINT-POLICY/{place}" for p, place in zip(policies, places, strict=True)]
    for path, policy in zip(paths, policies, strict=True):
        assert (await admin.get(path)).status == 404 == (await admin.delete(path)).status
        assert [(await admin.put(path)).status for _ in range(2)] == [204, 204]
        assert (await admin.get(path)).status == 204
        assert (await admin.get(asked)).json["policy"] == policy
        of_policy = f"{V3}/policies/{policy['id']}/OS-ENDPOINT-POLICY/endpoints"
        assert (await admin.get(of_policy)).json["endpoints"] == [endpoint]
    first = f"{V3}/policies/{policies[0]['id']}/OS-ENDPOINT-POLICY/endpoints"
    assert (await admin.get(first)).json["endpoints"] == []
    for path, left in zip(reversed(paths), (policies[1], policies[0], None), strict=True):
        assert (await admin.delete(path)).status == 204
        got = await admin.get(asked)
        assert got.json["policy"] == left if left is not None else got.status == 404
    for place in ("services/nope", f"services/{service}/regions/nope", "endpoints/nope"):
        assert (await admin.put(f"{V3}/policies/{policies[0]['id']}/OS-ENDPOINT-POLICY/{place}")).status == 404
