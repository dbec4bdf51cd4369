"""The object store within a cloud: its catalog entry, its tokens, its periodic tasks."""

import asyncio
from types import SimpleNamespace

import pytest

from tests.cloud import TestCloud
from tests.harness import Caller
from tests.object_store.s3 import Boto


async def test_a_member_of_a_project_stores_objects_and_the_account_counts_them(cloud):
    demo = await cloud.as_()
    catalog = (await demo.get("/identity/v3/auth/catalog")).json["catalog"]
    url = next(s for s in catalog if s["type"] == "object-store")["endpoints"][0]["url"]
    project = await cloud.project()
    assert url.endswith(f"/v1/AUTH_{project}")
    root = f"/v1/AUTH_{project}"
    assert (await demo.put(f"{root}/c")).status == 201
    assert (await demo.request("PUT", f"{root}/c/o", body=b"12345", headers={"X-Delete-After": "300"})).status == 201
    assert (await demo.get(f"{root}/c/o")).data == b"12345"
    assert (await (await cloud.as_("pileus-alt")).get(f"{root}/c/o")).status == 403
    await asyncio.sleep(60)
    assert (await demo.head(root)).headers["x-account-bytes-used"] == "5"
    await asyncio.sleep(500)
    assert (await demo.get(f"{root}/c?format=json")).json == []
    assert (await demo.head(root)).headers["x-account-bytes-used"] == "0"


async def test_access_rules_of_application_credentials_bind_here_too(cloud):
    demo = await cloud.as_()
    who = (await demo.get("/identity/v3/auth/tokens", headers={"X-Subject-Token": demo.token})).json["token"]
    project = who["project"]["id"]
    rules = [{"service": "object-store", "method": "GET", "path": f"/v1/AUTH_{project}/**"}]
    made = await demo.post(f"/identity/v3/users/{who['user']['id']}/application_credentials",
                           {"application_credential": {"name": "reader", "access_rules": rules}})
    assert made.status == 201, made.text
    credential = {key: made.json["application_credential"][key] for key in ("id", "secret")}
    body = {"auth": {"identity": {"methods": ["application_credential"], "application_credential": credential}}}
    token = (await Caller(cloud.cloud.app, "").post("/identity/v3/auth/tokens", body)).headers["x-subject-token"]
    limited = Caller(cloud.cloud.app, token)
    assert (await demo.request("PUT", f"/v1/AUTH_{project}/c")).status == 201
    assert (await limited.get(f"/v1/AUTH_{project}/c")).status in (200, 204)
    assert (await limited.request("PUT", f"/v1/AUTH_{project}/d")).status == 401


@pytest.mark.realtime
async def test_s3_with_a_key_of_identitys():
    async with TestCloud(real_time=True) as cloud:
        demo = await cloud.as_()
        who = (await demo.get("/identity/v3/auth/tokens", headers={"X-Subject-Token": demo.token})).json["token"]
        keys = f"/identity/v3/users/{who['user']['id']}/credentials/OS-EC2"
        key = (await demo.post(keys, {"tenant_id": who["project"]["id"]})).json["credential"]
        s3 = Boto(SimpleNamespace(objects=cloud.cloud), key["access"], key["secret"], "s3v4")
        await s3("create_bucket", Bucket="photos")
        await s3("put_object", Bucket="photos", Key="o", Body=b"hello")
        assert (await demo.get(f"/v1/AUTH_{who['project']['id']}/photos/o")).data == b"hello"
        assert (await demo.delete(f"{keys}/{key['access']}")).status == 204
        assert await s3.refused("get_object", Bucket="photos", Key="o") == "InvalidAccessKeyId"
