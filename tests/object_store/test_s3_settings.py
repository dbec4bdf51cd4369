"""What a bucket, or an object, is told besides its contents: access lists, tags, documents."""

import pytest

from tests.object_store.harness import TestStore
from tests.object_store.s3 import boto

pytestmark = pytest.mark.realtime
EVERYBODY = "http://acs.amazonaws.com/groups/global/AllUsers"


async def with_object(store):
    s3 = boto(store)
    await s3("create_bucket", Bucket="photos")
    await s3("put_object", Bucket="photos", Key="o", Body=b"hello", Metadata={"a": "b"}, ContentDisposition="attachment")
    return s3


async def test_access_lists_are_the_containers():
    async with TestStore(real_time=True) as store:
        s3, alice, anybody = await with_object(store), store.as_("alice"), store.anonymous()
        assert len((await s3("get_bucket_acl", Bucket="photos"))["Grants"]) == 1
        assert (await anybody.get("/photos/o")).status == 401
        await s3("put_bucket_acl", Bucket="photos", ACL="public-read")
        assert (await anybody.get("/photos/o")).data == b"hello"
        grants = (await s3("get_bucket_acl", Bucket="photos"))["Grants"]
        assert [(g["Grantee"].get("URI"), g["Permission"]) for g in grants] == [(None, "FULL_CONTROL"), (EVERYBODY, "READ")]
        await s3("put_bucket_acl", Bucket="photos", ACL="private")
        assert (await anybody.get("/photos/o")).status == 401
        owner = (await s3("get_bucket_acl", Bucket="photos"))["Owner"]
        bob = {"Grantee": {"Type": "CanonicalUser", "ID": "bob"}, "Permission": "READ"}
        await s3("put_bucket_acl", Bucket="photos", AccessControlPolicy={"Owner": owner, "Grants": [bob]})
        assert (await alice.head("/photos")).headers["x-container-read"] == "bob:*"
        theirs = store.as_("bob")
        theirs.root = alice.root
        assert (await theirs.get("/photos/o")).status == 200
        await s3("create_bucket", Bucket="public", ACL="public-read")
        assert (await anybody.get("/public")).status == 204


async def test_access_lists_that_cannot_be_kept_are_refused():
    async with TestStore(real_time=True) as store:
        s3, alice = await with_object(store), store.as_("alice")
        owner = (await s3("get_bucket_acl", Bucket="photos"))["Owner"]
        for acl in ("public-read-write", "log-delivery-write"):
            assert await s3.refused("put_bucket_acl", Bucket="photos", ACL=acl) == "NotImplemented"
        for name in ("a,.r:*", "*", ".rlistings", "a:b:c", ":b", "a:", "x" * 256):
            grant = {"Grantee": {"Type": "CanonicalUser", "ID": name}, "Permission": "READ"}
            policy = {"Owner": owner, "Grants": [grant]}
            assert await s3.refused("put_bucket_acl", Bucket="photos", AccessControlPolicy=policy) == "InvalidArgument"
        assert "x-container-read" not in (await alice.head("/photos")).headers
        await s3("put_object_acl", Bucket="photos", Key="o", ACL="private")


async def test_tags():
    async with TestStore(real_time=True) as store:
        s3 = await with_object(store)
        tags = [{"Key": "colour", "Value": "red"}, {"Key": "ö", "Value": ""}]
        await s3("put_object_tagging", Bucket="photos", Key="o", Tagging={"TagSet": tags})
        assert (await s3("get_object_tagging", Bucket="photos", Key="o"))["TagSet"] == tags
        shown = await s3("get_object", Bucket="photos", Key="o")
        assert (shown["TagCount"], shown["Metadata"], shown["ContentDisposition"]) == (2, {"a": "b"}, "attachment")
        await s3("delete_object_tagging", Bucket="photos", Key="o")
        assert (await s3("get_object_tagging", Bucket="photos", Key="o"))["TagSet"] == []
        for bad in ([{"Key": "k", "Value": "v"}] * 2, [{"Key": "k" * 129, "Value": ""}], [{"Key": "aws:k", "Value": ""}]):
            assert await s3.refused("put_object_tagging", Bucket="photos", Key="o", Tagging={"TagSet": bad}) == "InvalidTag"
        assert await s3.refused("get_bucket_tagging", Bucket="photos") == "NoSuchTagSet"
        await s3("put_bucket_tagging", Bucket="photos", Tagging={"TagSet": tags})
        assert (await s3("get_bucket_tagging", Bucket="photos"))["TagSet"] == tags
        await s3("delete_bucket_tagging", Bucket="photos")
        assert await s3.refused("get_bucket_tagging", Bucket="photos") == "NoSuchTagSet"


async def test_what_is_not_done_is_said():
    async with TestStore(real_time=True) as store:
        s3 = await with_object(store)
        assert (await s3("get_bucket_location", Bucket="photos"))["LocationConstraint"] == "RegionOne"
        assert "LoggingEnabled" not in await s3("get_bucket_logging", Bucket="photos")
        assert (await s3("get_bucket_request_payment", Bucket="photos"))["Payer"] == "BucketOwner"
        assert "TopicConfigurations" not in await s3("get_bucket_notification_configuration", Bucket="photos")
        assert await s3.refused("put_bucket_accelerate_configuration", Bucket="photos",
                                AccelerateConfiguration={"Status": "Enabled"}) == "NotImplemented"


async def test_what_is_not_there_is_never_taken_for_the_bucket():
    """DELETE /BUCKET?encryption must not delete the bucket."""
    async with TestStore(real_time=True) as store:
        s3 = boto(store)
        await s3("create_bucket", Bucket="photos")
        for name, code in (("encryption", "ServerSideEncryptionConfigurationNotFoundError"), ("website", "NoSuchWebsiteConfiguration"),
                           ("replication", "ReplicationConfigurationNotFoundError")):
            assert await s3.refused(f"get_bucket_{name}", Bucket="photos") == code
            assert await s3.refused(f"delete_bucket_{name}", Bucket="photos") == "NotImplemented"
            assert await s3.refused(f"get_bucket_{name}", Bucket="others") == "NoSuchBucket"
        for method in ("delete_public_access_block", "delete_bucket_ownership_controls"):
            assert await s3.refused(method, Bucket="photos") == "NotImplemented"
        assert await s3.refused("delete_bucket_metrics_configuration", Bucket="photos", Id="x") == "NotImplemented"
        assert await s3.refused("put_bucket_encryption", Bucket="photos", ServerSideEncryptionConfiguration={"Rules": [
            {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}) == "NotImplemented"
        await s3("put_object", Bucket="photos", Key="o", Body=b"hello")
        assert await s3.refused("get_object_torrent", Bucket="photos", Key="o") == "NotImplemented"
        assert await s3.refused("get_object_attributes", Bucket="photos", Key="o", ObjectAttributes=["ETag"]) == "NotImplemented"
        assert await s3.refused("restore_object", Bucket="photos", Key="o", RestoreRequest={"Days": 1}) == "NotImplemented"
        assert (await s3("get_object", Bucket="photos", Key="o"))["Body"] == b"hello"


async def test_buckets_are_listed_in_pages_to_who_asks_for_them():
    async with TestStore(real_time=True) as store:
        s3 = boto(store)
        for name in ("aa1", "aa2", "bb1", "bb2", "bb3"):
            await s3("create_bucket", Bucket=name)

        async def listed(**asked):
            got = await s3("list_buckets", **asked)
            return [bucket["Name"] for bucket in got["Buckets"]], got.get("ContinuationToken")

        assert await listed() == (["aa1", "aa2", "bb1", "bb2", "bb3"], None)
        assert await listed(Prefix="bb") == (["bb1", "bb2", "bb3"], None)
        names, token = await listed(Prefix="bb", MaxBuckets=2)
        assert names == ["bb1", "bb2"] and token
        assert await listed(Prefix="bb", MaxBuckets=2, ContinuationToken=token) == (["bb3"], None)
        assert await listed(MaxBuckets=5) == (["aa1", "aa2", "bb1", "bb2", "bb3"], None)
        assert await listed(BucketRegion="elsewhere") == ([], None)
        assert await s3.refused("list_buckets", ContinuationToken="!") == "InvalidArgument"
