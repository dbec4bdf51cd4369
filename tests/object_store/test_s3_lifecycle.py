"""Lifecycles of S3's buckets: rules that are kept, and what expires by them."""

from datetime import UTC, datetime, timedelta

import pytest

from pileus.object_store.daemons.lifecycle import ObjectLifecycle
from pileus.object_store.s3.lifecycle.rules import due
from tests.object_store.harness import TestStore
from tests.object_store.s3 import boto

pytestmark = pytest.mark.realtime


async def ruled(s3, *rules):
    await s3("put_bucket_lifecycle_configuration", Bucket="photos", LifecycleConfiguration={"Rules": list(rules)})


def rule(name, **fields):
    return {"ID": name, "Status": "Enabled", "Filter": {"Prefix": ""}, **fields}


async def after(store, days):
    """Run the daemon as if so many days were over."""
    now = datetime.now(UTC)
    store.clock.now = lambda: now + timedelta(days=days)
    try:
        return await ObjectLifecycle(store.objects).run_once()
    finally:
        del store.clock.now


async def keys(s3):
    return [o["Key"] for o in (await s3("list_objects_v2", Bucket="photos")).get("Contents", [])]


async def test_rules_are_kept_as_they_were_written():
    async with TestStore(real_time=True) as store:
        s3 = boto(store)
        await s3("create_bucket", Bucket="photos")
        assert await s3.refused("get_bucket_lifecycle_configuration", Bucket="photos") == "NoSuchLifecycleConfiguration"
        rules = [rule("a", Expiration={"Days": 3}), rule("b", Status="Disabled", Expiration={"Date": datetime(2030, 1, 1, tzinfo=UTC)}),
                 rule("c", Filter={"And": {"Prefix": "x/", "Tags": [{"Key": "k", "Value": "v"}], "ObjectSizeGreaterThan": 10}},
                      NoncurrentVersionExpiration={"NoncurrentDays": 2, "NewerNoncurrentVersions": 1}),
                 rule("d", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1}, Filter={"Prefix": "ö&"})]
        await ruled(s3, *rules)
        shown = (await s3("get_bucket_lifecycle_configuration", Bucket="photos"))["Rules"]
        assert [{**r, "Expiration": r.get("Expiration")} for r in shown] == [{**r, "Expiration": r.get("Expiration")} for r in rules]
        await s3("delete_bucket_lifecycle", Bucket="photos")
        assert await s3.refused("get_bucket_lifecycle_configuration", Bucket="photos") == "NoSuchLifecycleConfiguration"


@pytest.mark.parametrize("bad,code", [
    (rule("a"), "MalformedXML"), (rule("a", Expiration={"Days": 0}), "InvalidArgument"), (rule("a", Expiration={}), "MalformedXML"),
    (rule("a", Expiration={"Days": 1, "Date": datetime(2030, 1, 1, tzinfo=UTC)}), "MalformedXML"),
    (rule("a", Expiration={"Date": datetime(2030, 1, 1, 5, tzinfo=UTC)}), "InvalidArgument"),
    (rule("a", Transitions=[{"Days": 1, "StorageClass": "GLACIER"}]), "NotImplemented"),
    (rule("a", Status="Perhaps", Expiration={"Days": 1}), "MalformedXML"),
])
async def test_rules_that_are_none(bad, code):
    async with TestStore(real_time=True) as store:
        s3 = boto(store)
        await s3("create_bucket", Bucket="photos")
        assert await s3.refused("put_bucket_lifecycle_configuration", Bucket="photos", LifecycleConfiguration={"Rules": [bad]}) == code
        assert await s3.refused("get_bucket_lifecycle_configuration", Bucket="photos") == "NoSuchLifecycleConfiguration"


async def test_objects_expire_by_age_name_size_and_tags():
    async with TestStore(real_time=True, s3={"min_segment_size": 1}) as store:
        s3 = boto(store)
        await s3("create_bucket", Bucket="photos")
        for key, body, tags in (("old/1", b"x", ""), ("old/big", b"x" * 20, ""), ("new/1", b"x", "k=v"), ("new/2", b"x", "k=other")):
            await s3("put_object", Bucket="photos", Key=key, Body=body, Tagging=tags)
        upload = (await s3("create_multipart_upload", Bucket="photos", Key="old/parts"))["UploadId"]
        etag = (await s3("upload_part", Bucket="photos", Key="old/parts", UploadId=upload, PartNumber=1, Body=b"123"))["ETag"]
        await s3("complete_multipart_upload", Bucket="photos", Key="old/parts", UploadId=upload,
                 MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
        await ruled(s3, rule("size", Filter={"And": {"Prefix": "old/", "ObjectSizeLessThan": 10}}, Expiration={"Days": 2}),
                    rule("tag", Filter={"Tag": {"Key": "k", "Value": "v"}}, Expiration={"Days": 5}),
                    rule("off", Status="Disabled", Expiration={"Days": 1}))
        assert await after(store, 1) == {} and len(await keys(s3)) == 5
        assert await after(store, 3.01) == {"objects": 2}
        assert await keys(s3) == ["new/1", "new/2", "old/big"]
        assert await after(store, 6.01) == {"objects": 1}
        assert await keys(s3) == ["new/2", "old/big"] and len(store.files()) == 2
        assert await after(store, 6.01) == {}


async def test_versions_markers_and_uploads_expire():
    async with TestStore(real_time=True) as store:
        s3 = boto(store)
        await s3("create_bucket", Bucket="photos")
        await s3("put_bucket_versioning", Bucket="photos", VersioningConfiguration={"Status": "Enabled"})
        for body in (b"1", b"2", b"3"):
            await s3("put_object", Bucket="photos", Key="o", Body=body)
        await s3("create_multipart_upload", Bucket="photos", Key="big")
        await ruled(s3, rule("a", NoncurrentVersionExpiration={"NoncurrentDays": 1, "NewerNoncurrentVersions": 1}),
                    rule("b", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1}))
        assert await after(store, 2.01) == {"versions": 1, "uploads": 1}
        assert (await s3("get_object", Bucket="photos", Key="o"))["Body"] == b"3"
        assert len((await s3("list_object_versions", Bucket="photos"))["Versions"]) == 2
        assert "Uploads" not in await s3("list_multipart_uploads", Bucket="photos")
        await ruled(s3, rule("a", Expiration={"Days": 1}), rule("b", NoncurrentVersionExpiration={"NoncurrentDays": 1}),
                    rule("c", Expiration={"ExpiredObjectDeleteMarker": True}))
        assert await after(store, 2.01) == {"objects": 1, "versions": 1}
        assert await keys(s3) == []
        assert (await after(store, 9.01))["versions"] == 1
        assert await after(store, 9.02) == {"markers": 1}
        assert not store.files()


def test_a_day_ends_at_midnight():
    written = datetime(2026, 1, 1, 10, tzinfo=UTC)
    assert not due(written, 1, datetime(2026, 1, 2, 23, 59, tzinfo=UTC))
    assert due(written, 1, datetime(2026, 1, 3, tzinfo=UTC))
