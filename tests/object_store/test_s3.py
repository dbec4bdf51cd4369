"""S3's API, by boto3."""

import base64
import hashlib

import pytest

from tests.object_store.harness import TestStore
from tests.object_store.s3 import Boto, boto

pytestmark = pytest.mark.realtime


async def test_a_bucket_and_an_object():
    async with TestStore(real_time=True) as store:
        s3 = boto(store)
        await s3("create_bucket", Bucket="photos")
        assert [b["Name"] for b in (await s3("list_buckets"))["Buckets"]] == ["photos"]
        made = await s3("put_object", Bucket="photos", Key="a/b c.jpg", Body=b"hello", ContentType="image/jpeg", Metadata={"where": "here"})
        assert made["ETag"] == f'"{hashlib.md5(b"hello").hexdigest()}"'
        got = await s3("get_object", Bucket="photos", Key="a/b c.jpg")
        assert (got["Body"], got["ContentType"], got["Metadata"]) == (b"hello", "image/jpeg", {"where": "here"})
        assert (await s3("head_object", Bucket="photos", Key="a/b c.jpg"))["ContentLength"] == 5
        await s3("delete_object", Bucket="photos", Key="a/b c.jpg")
        await s3("delete_object", Bucket="photos", Key="a/b c.jpg")
        assert await s3.refused("get_object", Bucket="photos", Key="a/b c.jpg") == "NoSuchKey"
        await s3("delete_bucket", Bucket="photos")
        assert await s3.refused("get_object", Bucket="photos", Key="x") == "NoSuchBucket"


@pytest.mark.parametrize("signature", ["s3", "s3v4", "s3-query", "s3v4-query"])
async def test_each_way_of_signing(signature):
    async with TestStore(real_time=True) as store:
        writer, s3 = boto(store, signature=signature.removesuffix("-query")), boto(store, signature=signature)
        await writer("create_bucket", Bucket="photos")
        await writer("put_object", Bucket="photos", Key="ä ~*'()!+/x", Body=b"data")
        got = await s3("get_object", Bucket="photos", Key="ä ~*'()!+/x", ResponseContentType="text/x; a=b")
        assert (got["Body"], got["ContentType"]) == (b"data", "text/x; a=b")
        assert await boto(store, signature=signature, secret="wrong").refused("list_buckets") == "SignatureDoesNotMatch"


async def test_what_is_made_by_one_api_is_seen_by_the_other():
    async with TestStore(real_time=True) as store:
        s3, alice = boto(store), store.as_("alice")
        await alice.put("/photos")
        await alice.put("/photos/o", b"by swift", X_Object_Meta_A="1")
        assert (await s3("get_object", Bucket="photos", Key="o"))["Metadata"] == {"a": "1"}
        await s3("put_object", Bucket="photos", Key="p", Body=b"by s3")
        assert (await alice.get("/photos/p")).data == b"by s3"


async def test_ranges_and_preconditions():
    async with TestStore(real_time=True) as store:
        s3 = boto(store)
        await s3("create_bucket", Bucket="photos")
        etag = (await s3("put_object", Bucket="photos", Key="o", Body=b"0123456789"))["ETag"]
        got = await s3("get_object", Bucket="photos", Key="o", Range="bytes=2-4", IfMatch=etag)
        assert (got["Body"], got["ContentRange"]) == (b"234", "bytes 2-4/10")
        assert (await s3("head_object", Bucket="photos", Key="o", Range="bytes=-3"))["ContentLength"] == 3
        assert await s3.refused("get_object", Bucket="photos", Key="o", IfMatch='"other"') == "PreconditionFailed"
        assert await s3.refused("get_object", Bucket="photos", Key="o", IfNoneMatch=etag) == "304"
        assert await s3.refused("get_object", Bucket="photos", Key="o", Range="bytes=20-30") == "InvalidRange"
        assert await s3.refused("put_object", Bucket="photos", Key="o", Body=b"x", IfNoneMatch="*") == "PreconditionFailed"


async def test_listings():
    async with TestStore(real_time=True) as store:
        s3 = boto(store)
        await s3("create_bucket", Bucket="photos")
        for key in ("a", "b/1", "b/2", "c<&>\x01", "d"):
            await s3("put_object", Bucket="photos", Key=key, Body=b"x")
        first = await s3("list_objects_v2", Bucket="photos", MaxKeys=2, Delimiter="/")
        assert [o["Key"] for o in first["Contents"]] == ["a"] and first["CommonPrefixes"] == [{"Prefix": "b/"}] and first["IsTruncated"]
        rest = await s3("list_objects_v2", Bucket="photos", Delimiter="/", FetchOwner=True,
                        ContinuationToken=first["NextContinuationToken"])
        assert [(o["Key"], o["Owner"]["ID"]) for o in rest["Contents"]] == [("c<&>\x01", "alice:alice"), ("d", "alice:alice")]
        assert rest["KeyCount"] == 2
        old = await s3("list_objects", Bucket="photos", Prefix="b/", Marker="b/1")
        assert [o["Key"] for o in old["Contents"]] == ["b/2"] and old["Contents"][0]["ETag"] == f'"{hashlib.md5(b"x").hexdigest()}"'
        assert (await s3("list_objects_v2", Bucket="photos", StartAfter="c<&>\x01"))["KeyCount"] == 1
        assert (await s3("list_objects_v2", Bucket="photos", MaxKeys=0)).get("Contents") is None
        assert await s3.refused("list_objects_v2", Bucket="photos", MaxKeys=-1) == "InvalidArgument"
        assert await s3.refused("delete_bucket", Bucket="photos") == "BucketNotEmpty"


async def test_copies():
    async with TestStore(real_time=True) as store:
        s3 = boto(store)
        await s3("create_bucket", Bucket="photos")
        await s3("put_object", Bucket="photos", Key="a?b", Body=b"x", Metadata={"k": "v"}, ContentType="text/x", Tagging="t=1")
        source = {"Bucket": "photos", "Key": "a?b"}
        done = await s3("copy_object", Bucket="photos", Key="kept", CopySource=source)
        assert done["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(b"x").hexdigest()}"'
        kept = await s3("head_object", Bucket="photos", Key="kept")
        assert (kept["Metadata"], kept["ContentType"], kept["TagCount"]) == ({"k": "v"}, "text/x", 1)
        await s3("copy_object", Bucket="photos", Key="new", CopySource=source, Metadata={"n": "m"}, MetadataDirective="REPLACE")
        assert (await s3("head_object", Bucket="photos", Key="new"))["Metadata"] == {"n": "m"}
        assert await s3.refused("copy_object", Bucket="photos", Key="a?b", CopySource=source) == "InvalidRequest"
        assert await s3.refused("copy_object", Bucket="photos", Key="z", CopySource=source,
                                CopySourceIfMatch='"no"') == "PreconditionFailed"
        assert await s3.refused("copy_object", Bucket="photos", Key="z", CopySource="photos/none") == "NoSuchKey"


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256", "CRC32C", "CRC64NVME"])
async def test_a_checksum_is_verified(algorithm):
    from pileus.object_store.s3.checksums import Checksum

    body = bytes(range(256)) * 700
    checksum = Checksum(algorithm.lower())
    checksum.update(body)
    name = f"Checksum{algorithm}"
    async with TestStore(real_time=True) as store:
        s3 = boto(store)
        await s3("create_bucket", Bucket="photos")
        assert (await s3("put_object", Bucket="photos", Key="o", Body=body, **{name: checksum.made}))[name] == checksum.made
        wrong = base64.b64encode(bytes(len(base64.b64decode(checksum.made)))).decode()
        assert await s3.refused("put_object", Bucket="photos", Key="p", Body=body, **{name: wrong}) == "BadDigest"
        assert await s3.refused("head_object", Bucket="photos", Key="p") == "404"
        assert len(store.files()) == 1


def test_crcs_against_known_values():
    from pileus.object_store.s3.crc import crc32c, crc64nvme

    for make, of_digits, of_zeros in ((crc32c, "e3069283", "8a9136aa"), (crc64nvme, "ae8b14860a799888", "cf3473434d4ecf3b")):
        crc = make()
        crc.update(b"123456789")
        assert crc.digest().hex() == of_digits
        zeros = make()
        zeros.update(bytes(32))
        assert zeros.digest().hex() == of_zeros
        parts, whole = make(), make()
        data = bytes(n * 7 % 251 for n in range(300_000))
        whole.update(data)
        for at in range(0, len(data), 777):
            parts.update(data[at : at + 777])
        assert parts.digest() == whole.digest()


async def test_users_of_the_stores_own_have_keys_too():
    users = [{"account": "test", "user": "admin", "key": "secret", "groups": [".admin"]}, {"account": "test", "user": "other", "key": "k"}]
    async with TestStore(real_time=True, temp_auth={"users": users}) as store:
        s3, other = Boto(store, "test:admin", "secret", "s3v4"), Boto(store, "test:other", "k", "s3v4")
        await s3("create_bucket", Bucket="photos")
        await s3("put_object", Bucket="photos", Key="o", Body=b"x")
        assert (await s3("get_object", Bucket="photos", Key="o"))["Body"] == b"x"
        assert await other.refused("get_object", Bucket="photos", Key="o") == "AccessDenied"
        assert await Boto(store, "test:admin", "wrong", "s3v4").refused("list_buckets") == "SignatureDoesNotMatch"
        assert await Boto(store, "nobody", "k", "s3v4").refused("list_buckets") == "InvalidAccessKeyId"
