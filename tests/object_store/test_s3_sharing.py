"""Buckets and objects that others reach: of other projects, and without a key."""

import json

import pytest

from tests.object_store.harness import TestStore
from tests.object_store.s3 import HOST, boto, raw

pytestmark = pytest.mark.realtime
EVERYBODY = "http://acs.amazonaws.com/groups/global/AllUsers"
URL = f"http://{HOST}/s3"
BIG = b"x" * (5 << 20)


def policy(action, resource, principal="*", effect="Allow"):
    resources = [f"arn:aws:s3:::{name}" for name in ([resource] if isinstance(resource, str) else resource)]
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": effect, "Principal": principal, "Action": action, "Resource": resources}]})


async def two(store):
    """The owner of a bucket with objects, and somebody of another project."""
    s3, carol = boto(store), boto(store, "carol")
    await s3("create_bucket", Bucket="photos")
    await s3("put_object", Bucket="photos", Key="o", Body=b"hello")
    await s3("put_object", Bucket="photos", Key="p", Body=b"secret")
    return s3, carol


async def anybody(store, method, path, data=None, headers=None):
    status, _, body = await raw(store, method, f"{URL}/{path}", headers or {}, data)
    return status, body


async def test_a_bucket_shared_with_everybody():
    async with TestStore(real_time=True) as store:
        s3, carol = await two(store)
        assert (await anybody(store, "GET", "photos/o"))[0] == 403
        assert await carol.refused("get_object", Bucket="photos", Key="o") == "NoSuchBucket"
        await s3("put_bucket_acl", Bucket="photos", ACL="public-read")
        assert await anybody(store, "GET", "photos/o") == (200, b"hello")
        assert (await anybody(store, "HEAD", "photos/o"))[0] == 200
        status, listed = await anybody(store, "GET", "photos?list-type=2")
        assert status == 200 and b"<Key>o</Key>" in listed
        assert (await carol("get_object", Bucket="photos", Key="o"))["Body"] == b"hello"
        assert [o["Key"] for o in (await carol("list_objects_v2", Bucket="photos"))["Contents"]] == ["o", "p"]
        for query in ("acl", "policy", "cors", "tagging", "lifecycle", "versioning", "uploads=", "location"):
            assert (await anybody(store, "GET", f"photos?{query}"))[0] in (403, 404) or query == "uploads=", query
            assert (await anybody(store, "PUT", f"photos?{query}", b"<x/>"))[0] in (403, 405), query
        assert (await anybody(store, "PUT", "photos/o", b"x"))[0] == 403
        assert (await anybody(store, "DELETE", "photos/o"))[0] == 403
        assert (await anybody(store, "PUT", "mine"))[0] == 403 and (await anybody(store, "GET", ""))[0] == 403
        for method, more in (("put_object", {"Key": "n", "Body": b""}), ("delete_object", {"Key": "o"}), ("delete_bucket", {}),
                             ("get_bucket_acl", {}), ("put_bucket_acl", {"ACL": "private"}), ("create_multipart_upload", {"Key": "n"}),
                             ("get_object_acl", {"Key": "o"}), ("get_bucket_policy", {}), ("delete_bucket_cors", {})):
            assert await carol.refused(method, Bucket="photos", **more) == "AccessDenied", method
        await s3("put_bucket_acl", Bucket="photos", ACL="private")
        assert (await anybody(store, "GET", "photos/o"))[0] == 403
        assert await carol.refused("get_object", Bucket="photos", Key="o") == "AccessDenied"


async def test_a_bucket_shared_with_a_project():
    async with TestStore(real_time=True) as store:
        s3, carol = await two(store)
        dave = boto(store, "dave")
        await s3("put_bucket_acl", Bucket="photos", GrantRead='id="carol"', GrantWrite='id="carol:carol"', GrantReadACP='id="carol"')
        assert (await carol("get_object", Bucket="photos", Key="o"))["Body"] == b"hello"
        await carol("put_object", Bucket="photos", Key="theirs", Body=b"x")
        assert (await s3("get_object", Bucket="photos", Key="theirs"))["Body"] == b"x"
        grants = (await carol("get_bucket_acl", Bucket="photos"))["Grants"]
        assert {(g["Grantee"].get("ID"), g["Permission"]) for g in grants[1:]} == {
            ("carol", "READ"), ("carol:carol", "WRITE"), ("carol", "READ_ACP")}
        assert await carol.refused("put_bucket_acl", Bucket="photos", ACL="public-read") == "AccessDenied"
        assert await dave.refused("get_object", Bucket="photos", Key="o") == "AccessDenied"
        await s3("put_bucket_acl", Bucket="photos", GrantFullControl='id="carol"')
        told = await s3("get_bucket_acl", Bucket="photos")
        assert [(g["Grantee"]["ID"], g["Permission"]) for g in told["Grants"]][1:] == [("carol", "FULL_CONTROL")]
        await carol("put_bucket_acl", Bucket="photos", AccessControlPolicy={"Owner": {"ID": "alice"}, "Grants": [
            {"Grantee": {"Type": "CanonicalUser", "ID": "dave"}, "Permission": "READ"}]})
        assert (await dave("get_object", Bucket="photos", Key="o"))["Body"] == b"hello"
        assert await carol.refused("get_object", Bucket="photos", Key="o") == "AccessDenied"


async def test_who_may_write_may_upload_in_parts():
    async with TestStore(real_time=True) as store:
        s3, carol = await two(store)
        await s3("put_bucket_acl", Bucket="photos", GrantRead='id="carol"', GrantWrite='id="carol"')
        await upload(carol, "photos", "large")
        assert (await s3("head_object", Bucket="photos", Key="large"))["ContentLength"] == len(BIG) + 3
        await s3("put_bucket_acl", Bucket="photos", ACL="private")
        assert await carol.refused("create_multipart_upload", Bucket="photos", Key="large") == "AccessDenied"


async def upload(s3, bucket, key, **more):
    begun = (await s3("create_multipart_upload", Bucket=bucket, Key=key, **more))["UploadId"]
    parts = [{"PartNumber": n, "ETag": (await s3("upload_part", Bucket=bucket, Key=key, UploadId=begun, PartNumber=n, Body=data))["ETag"]}
             for n, data in ((1, BIG), (2, b"end"))]
    await s3("complete_multipart_upload", Bucket=bucket, Key=key, UploadId=begun, MultipartUpload={"Parts": parts})


async def test_a_policy_lets_in_other_projects_and_everybody():
    async with TestStore(real_time=True) as store:
        s3, carol = await two(store)
        await upload(s3, "photos", "large")
        await s3("put_bucket_policy", Bucket="photos", Policy=policy(["s3:GetObject", "s3:PutObject"], ["photos/o", "photos/large",
                                                                                                  "photos/in/*"]))
        assert await anybody(store, "GET", "photos/o") == (200, b"hello")
        assert (await anybody(store, "GET", "photos/large"))[1][-3:] == b"end"
        assert (await anybody(store, "PUT", "photos/in/x", b"from somebody"))[0] == 200
        assert await anybody(store, "GET", "photos/in/x") == (200, b"from somebody")
        assert (await anybody(store, "GET", "photos/p"))[0] == 403 and (await anybody(store, "GET", "photos"))[0] == 403
        assert (await anybody(store, "DELETE", "photos/o"))[0] == 403
        assert (await carol("get_object", Bucket="photos", Key="o"))["Body"] == b"hello"
        await s3("put_bucket_policy", Bucket="photos", Policy=policy("s3:GetObject", "photos/*", {"AWS": "arn:aws:iam::carol:root"}))
        assert (await carol("get_object", Bucket="photos", Key="p"))["Body"] == b"secret"
        assert (await anybody(store, "GET", "photos/o"))[0] == 403
        await s3("put_bucket_policy", Bucket="photos", Policy=policy("s3:*", ["photos", "photos/*"], {"AWS": "carol"}))
        await upload(carol, "photos", "of-carol")
        await carol("delete_object", Bucket="photos", Key="of-carol")
        await carol("put_bucket_versioning", Bucket="photos", VersioningConfiguration={"Status": "Enabled"})
        await carol("put_object", Bucket="photos", Key="o", Body=b"newer")
        versions = (await carol("list_object_versions", Bucket="photos", Prefix="o"))["Versions"]
        assert len(versions) == 2
        old = await carol("get_object", Bucket="photos", Key="o", VersionId=versions[1]["VersionId"])
        assert old["Body"] == b"hello"


async def test_lists_of_objects():
    async with TestStore(real_time=True) as store:
        s3, carol = await two(store)
        await s3("put_object_tagging", Bucket="photos", Key="o", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
        await s3("put_object_acl", Bucket="photos", Key="o", ACL="public-read")
        assert await anybody(store, "GET", "photos/o") == (200, b"hello")
        assert (await anybody(store, "GET", "photos/p"))[0] == 403 and (await anybody(store, "GET", "photos"))[0] == 403
        assert (await anybody(store, "GET", "photos/o?acl"))[0] == 403
        grants = (await s3("get_object_acl", Bucket="photos", Key="o"))["Grants"]
        assert [(g["Grantee"].get("URI"), g["Permission"]) for g in grants] == [(None, "FULL_CONTROL"), (EVERYBODY, "READ")]
        assert (await s3("get_object", Bucket="photos", Key="o"))["TagCount"] == 1
        await s3("put_object", Bucket="photos", Key="for-carol", Body=b"hi", GrantRead='id="carol"', GrantReadACP='id="carol"')
        assert (await carol("get_object", Bucket="photos", Key="for-carol"))["Body"] == b"hi"
        assert len((await carol("get_object_acl", Bucket="photos", Key="for-carol"))["Grants"]) == 3
        assert (await anybody(store, "GET", "photos/for-carol"))[0] == 403
        assert await carol.refused("put_object_acl", Bucket="photos", Key="for-carol", ACL="public-read") == "AccessDenied"
        await s3("copy_object", Bucket="photos", Key="copy", CopySource="photos/o")
        assert (await anybody(store, "GET", "photos/copy"))[0] == 403       # lists do not go with copies
        await upload(s3, "photos", "large", ACL="public-read")
        assert (await anybody(store, "GET", "photos/large"))[1][-3:] == b"end"
        await s3("put_object", Bucket="photos", Key="o", Body=b"private again")
        assert (await anybody(store, "GET", "photos/o"))[0] == 403
        for bad in ("public-read-write", "log-delivery-write"):
            assert await s3.refused("put_object_acl", Bucket="photos", Key="p", ACL=bad) in ("InvalidArgument", "NotImplemented")
        assert (await anybody(store, "GET", "photos/p"))[0] == 403


async def test_copies_from_one_project_to_another():
    async with TestStore(real_time=True) as store:
        s3, carol = await two(store)
        await carol("create_bucket", Bucket="album")
        assert await carol.refused("copy_object", Bucket="album", Key="o", CopySource="photos/o") == "NoSuchBucket"
        await s3("put_object_acl", Bucket="photos", Key="o", GrantRead='id="carol"')
        await carol("copy_object", Bucket="album", Key="o", CopySource="photos/o")
        assert (await carol("get_object", Bucket="album", Key="o"))["Body"] == b"hello"
        assert await carol.refused("copy_object", Bucket="album", Key="p", CopySource="photos/p") == "AccessDenied"
        await s3("put_bucket_policy", Bucket="photos", Policy=policy("s3:PutObject", "photos/*", {"AWS": "carol"}))
        await carol("put_object", Bucket="album", Key="mine", Body=b"of carol")
        await carol("copy_object", Bucket="photos", Key="given", CopySource="album/mine")
        assert (await s3("get_object", Bucket="photos", Key="given"))["Body"] == b"of carol"
        assert await carol.refused("copy_object", Bucket="photos", Key="stolen", CopySource="photos/p") == "AccessDenied"
        begun = (await carol("create_multipart_upload", Bucket="album", Key="parts"))["UploadId"]
        for key, fine in (("o", True), ("p", False)):
            asked = {"Bucket": "album", "Key": "parts", "UploadId": begun, "PartNumber": 1, "CopySource": f"photos/{key}"}
            if fine:
                await carol("upload_part_copy", **asked)
            else:
                assert await carol.refused("upload_part_copy", **asked) == "AccessDenied"


async def test_sharing_lets_in_nowhere_else():
    """Who shares a bucket cannot share by links and manifests in it what he may not read himself, or only others may."""
    async with TestStore(real_time=True) as store:
        s3, _ = await two(store)
        mallory, swift = boto(store, "mallory"), store.as_("mallory")
        alice = store.as_("alice")
        await mallory("create_bucket", Bucket="open")
        await swift.put("/open/link", X_Symlink_Target="photos/p", X_Symlink_Target_Account="AUTH_alice")
        await mallory("put_bucket_policy", Bucket="open", Policy=policy("s3:*", ["open", "open/*"]))
        status, data = await anybody(store, "GET", "open/link")
        assert status == 403 and b"secret" not in data
        assert await boto(store, "reader", project="mallory", roles=("reader",)).refused("get_object", Bucket="open", Key="link") \
            == "AccessDenied"
        await alice.put("/photos/all", X_Object_Manifest="photos/p")
        await s3("put_object_acl", Bucket="photos", Key="all", ACL="public-read")
        status, data = await anybody(store, "GET", "photos/all")
        assert b"secret" not in data


async def test_a_name_stands_for_the_first_that_shares_it_and_for_ones_own():
    async with TestStore(real_time=True) as store:
        s3, carol = await two(store)
        await carol("create_bucket", Bucket="photos")                # names are projects' own
        await carol("put_object", Bucket="photos", Key="o", Body=b"of carol")
        await s3("put_bucket_acl", Bucket="photos", ACL="public-read")
        assert await anybody(store, "GET", "photos/o") == (200, b"hello")
        assert (await carol("get_object", Bucket="photos", Key="o"))["Body"] == b"of carol"
        for method, more in (("put_bucket_acl", {"ACL": "public-read"}), ("put_object_acl", {"Key": "o", "ACL": "public-read"}),
                             ("put_bucket_policy", {"Policy": policy("s3:*", "photos")})):
            assert await carol.refused(method, Bucket="photos", **more) == "BucketAlreadyExists"
        assert len((await carol("get_bucket_acl", Bucket="photos"))["Grants"]) == 1
        for key in ("o", "p"):
            await s3("delete_object", Bucket="photos", Key=key)
        await s3("delete_bucket", Bucket="photos")
        await carol("put_bucket_acl", Bucket="photos", ACL="public-read")
        assert await anybody(store, "GET", "photos/o") == (200, b"of carol")
        await store.as_("carol").delete("/photos/o")
        assert (await store.as_("carol").delete("/photos")).status == 204     # not through S3: what was noted is of no account
        await s3("create_bucket", Bucket="photos", ACL="public-read")
        await s3("put_object", Bucket="photos", Key="o", Body=b"again")
        assert await anybody(store, "GET", "photos/o") == (200, b"again")


async def test_browsers_ask_shared_buckets_without_a_key():
    async with TestStore(real_time=True) as store:
        s3, _ = await two(store)
        await s3("put_bucket_cors", Bucket="photos", CORSConfiguration={"CORSRules": [
            {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://site.test"]}]})
        asked = {"origin": "https://site.test", "access-control-request-method": "GET"}
        assert (await raw(store, "OPTIONS", f"{URL}/photos/o", asked))[0] == 403
        await s3("put_bucket_acl", Bucket="photos", ACL="public-read")
        status, headers, _ = await raw(store, "OPTIONS", f"{URL}/photos/o", asked)
        assert status == 200 and headers["access-control-allow-origin"] == "https://site.test"
        headers = (await raw(store, "GET", f"{URL}/photos/o", {"origin": "https://site.test"}))[1]
        assert headers["access-control-allow-origin"] == "https://site.test"


async def test_a_bucket_in_the_host_needs_no_key_either():
    async with TestStore(real_time=True, s3={"storage_domains": ["s3.test"]}) as store:
        s3, _ = await two(store)
        await s3("put_bucket_acl", Bucket="photos", ACL="public-read")
        assert (await raw(store, "GET", "http://photos.s3.test/o", {}))[2] == b"hello"


async def test_users_of_the_stores_own_share_too():
    users = [{"account": name, "user": name, "key": "secret", "groups": [".admin"]} for name in ("one", "two")]
    async with TestStore(real_time=True, temp_auth={"users": users}) as store:
        one, two = boto(store, "one:one", project="one", secret="secret"), boto(store, "two:two", project="two", secret="secret")
        for s3, user in ((one, "one:one"), (two, "two:two")):
            s3.client._request_signer._credentials.access_key = user
        await one("create_bucket", Bucket="photos")
        await one("put_object", Bucket="photos", Key="o", Body=b"hello")
        assert await two.refused("get_object", Bucket="photos", Key="o") == "NoSuchBucket"
        owner = (await two("list_buckets"))["Owner"]["ID"]
        await one("put_bucket_acl", Bucket="photos", GrantRead=f'id="{owner}"')
        assert (await two("get_object", Bucket="photos", Key="o"))["Body"] == b"hello"
        assert (await anybody(store, "GET", "photos/o"))[0] == 403
        await one("put_bucket_acl", Bucket="photos", ACL="public-read")
        assert await anybody(store, "GET", "photos/o") == (200, b"hello")
