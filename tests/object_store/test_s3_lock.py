"""Object lock: locked versions stay, whoever asks by whatever API."""

from datetime import UTC, datetime, timedelta

import pytest

from pileus.object_store.s3.lock.model import Retention, may_change
from tests.object_store.harness import TestStore
from tests.object_store.s3 import boto

pytestmark = pytest.mark.realtime


def later(days=1):
    return (datetime.now(UTC) + timedelta(days=days)).replace(microsecond=0)


async def locking(store):
    s3 = boto(store)
    await s3("create_bucket", Bucket="photos", ObjectLockEnabledForBucket=True)
    return s3


async def test_a_version_is_locked_until_its_date():
    async with TestStore(real_time=True) as store:
        s3, alice = await locking(store), store.as_("alice")
        assert (await s3("get_bucket_versioning", Bucket="photos"))["Status"] == "Enabled"
        until = later()
        made = await s3("put_object", Bucket="photos", Key="o", Body=b"x", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until)
        version = {"Bucket": "photos", "Key": "o", "VersionId": made["VersionId"]}
        shown = await s3("head_object", **version)
        assert (shown["ObjectLockMode"], shown["ObjectLockRetainUntilDate"]) == ("COMPLIANCE", until)
        assert await s3.refused("delete_object", **version) == "AccessDenied"
        assert await s3.refused("delete_object", BypassGovernanceRetention=True, **version) == "AccessDenied"
        done = await s3("delete_objects", Bucket="photos", Delete={"Objects": [{"Key": "o", "VersionId": made["VersionId"]}]})
        assert done["Errors"][0]["Code"] == "AccessDenied"
        assert (await alice.delete(f"/photos/o?version-id={made['VersionId']}")).status == 403
        await alice.post("/photos/o", X_Object_Meta_A="b")                  # metadata of the other API leaves the lock
        assert (await s3("get_object_retention", **version))["Retention"]["Mode"] == "COMPLIANCE"
        marker = await s3("delete_object", Bucket="photos", Key="o")        # a marker hides it, and deletes nothing
        assert marker["DeleteMarker"] and (await s3("get_object", **version))["Body"] == b"x"
        assert await s3.refused("put_bucket_versioning", Bucket="photos",
                                VersioningConfiguration={"Status": "Suspended"}) == "InvalidBucketState"
        assert (await alice.post("/photos", X_Versions_Enabled="false")).status == 409
        now = datetime.now(UTC)
        store.clock.now = lambda: now + timedelta(days=1, seconds=2)
        assert (await alice.delete(f"/photos/o?version-id={made['VersionId']}")).status == 204


async def test_governance_is_overruled_by_who_asks_for_it():
    async with TestStore(real_time=True) as store:
        s3 = await locking(store)
        made = await s3("put_object", Bucket="photos", Key="o", Body=b"x", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=later())
        version = {"Bucket": "photos", "Key": "o", "VersionId": made["VersionId"]}
        longer = {"Mode": "GOVERNANCE", "RetainUntilDate": later(5)}
        await s3("put_object_retention", Retention=longer, **version)
        shorter = {"Mode": "GOVERNANCE", "RetainUntilDate": later(2)}
        assert await s3.refused("put_object_retention", Retention=shorter, **version) == "AccessDenied"
        await s3("put_object_retention", Retention=shorter, BypassGovernanceRetention=True, **version)
        assert await s3.refused("delete_object", **version) == "AccessDenied"
        await s3("delete_object", BypassGovernanceRetention=True, **version)
        assert not store.files()


async def test_a_hold_is_of_one_version_current_or_not():
    async with TestStore(real_time=True) as store:
        s3 = await locking(store)
        old = (await s3("put_object", Bucket="photos", Key="o", Body=b"1"))["VersionId"]
        new = (await s3("put_object", Bucket="photos", Key="o", Body=b"2", ObjectLockLegalHoldStatus="ON"))["VersionId"]
        asked = {"Bucket": "photos", "Key": "o"}
        assert await s3.refused("get_object_legal_hold", VersionId=old, **asked) == "NoSuchObjectLockConfiguration"
        await s3("put_object_legal_hold", VersionId=old, LegalHold={"Status": "ON"}, **asked)
        for version in (old, new):
            assert (await s3("get_object_legal_hold", VersionId=version, **asked))["LegalHold"]["Status"] == "ON"
            assert await s3.refused("delete_object", VersionId=version, **asked) == "AccessDenied"
            await s3("put_object_legal_hold", VersionId=version, LegalHold={"Status": "OFF"}, **asked)
            await s3("delete_object", VersionId=version, **asked)
        assert not store.files()


async def test_a_bucket_locks_by_default_and_parts_are_locked_with_their_object():
    async with TestStore(real_time=True, s3={"min_segment_size": 1}) as store:
        s3, alice = boto(store), store.as_("alice")
        await s3("create_bucket", Bucket="photos")
        rule = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 3}}}
        assert await s3.refused("get_object_lock_configuration", Bucket="photos") == "ObjectLockConfigurationNotFoundError"
        assert await s3.refused("put_object_lock_configuration", Bucket="photos", ObjectLockConfiguration=rule) == "NotImplemented"
        assert await s3.refused("put_object", Bucket="photos", Key="o", Body=b"", ObjectLockLegalHoldStatus="ON") == "InvalidRequest"
        await s3("put_bucket_versioning", Bucket="photos", VersioningConfiguration={"Status": "Enabled"})
        await s3("put_object_lock_configuration", Bucket="photos", ObjectLockConfiguration=rule)
        assert (await s3("get_object_lock_configuration", Bucket="photos"))["ObjectLockConfiguration"] == rule
        upload = (await s3("create_multipart_upload", Bucket="photos", Key="big"))["UploadId"]
        etag = (await s3("upload_part", Bucket="photos", Key="big", UploadId=upload, PartNumber=1, Body=b"123"))["ETag"]
        done = await s3("complete_multipart_upload", Bucket="photos", Key="big", UploadId=upload,
                        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
        assert await s3.refused("delete_object", Bucket="photos", Key="big", VersionId=done["VersionId"]) == "AccessDenied"
        (part,) = await alice.names("/photos+segments")
        assert (await alice.delete(f"/photos+segments/{part}")).status == 403
        assert (await alice.put(f"/photos+segments/{part}", b"other")).status == 403
        await s3("copy_object", Bucket="photos", Key="copy", CopySource="photos/big")
        assert (await s3("head_object", Bucket="photos", Key="copy"))["ObjectLockMode"] == "COMPLIANCE"
        assert (await s3("get_object", Bucket="photos", Key="big"))["Body"] == b"123"


def test_compliance_is_never_made_shorter():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    old = Retention(mode="COMPLIANCE", until=now + timedelta(days=2))
    for new in (None, Retention(mode="COMPLIANCE", until=now + timedelta(days=1)),
                Retention(mode="GOVERNANCE", until=now + timedelta(days=9))):
        assert not may_change(old, new, now, bypass=True)
    assert may_change(old, Retention(mode="COMPLIANCE", until=now + timedelta(days=3)), now, bypass=False)
    assert may_change(old, None, now + timedelta(days=2), bypass=False)
