"""Multipart uploads of S3's, deletes of many objects, and versions."""

import base64
import hashlib

import pytest

from tests.object_store.harness import TestStore
from tests.object_store.s3 import boto

pytestmark = pytest.mark.realtime
SMALL = {"s3": {"min_segment_size": 5}}


async def begun(s3, key="big", parts=(b"first part", b"second part", b"end"), **more):
    upload = (await s3("create_multipart_upload", Bucket="photos", Key=key, **more))["UploadId"]
    made = [{"PartNumber": n, "ETag": (await s3("upload_part", Bucket="photos", Key=key, UploadId=upload, PartNumber=n, Body=part))["ETag"]}
            for n, part in enumerate(parts, 1)]
    return upload, made


async def complete(s3, upload, parts, key="big", **more):
    return await s3("complete_multipart_upload", Bucket="photos", Key=key, UploadId=upload, MultipartUpload={"Parts": parts}, **more)


async def test_an_upload_becomes_an_object():
    async with TestStore(real_time=True, **SMALL) as store:
        s3, alice = boto(store), store.as_("alice")
        await s3("create_bucket", Bucket="photos")
        upload, parts = await begun(s3, ContentType="image/x", Metadata={"a": "b"})
        listed = await s3("list_parts", Bucket="photos", Key="big", UploadId=upload, MaxParts=2)
        assert [p["Size"] for p in listed["Parts"]] == [10, 11] and listed["IsTruncated"] and listed["NextPartNumberMarker"] == 2
        rest = await s3("list_parts", Bucket="photos", Key="big", UploadId=upload, PartNumberMarker=2)
        assert [p["PartNumber"] for p in rest["Parts"]] == [3]
        assert [u["UploadId"] for u in (await s3("list_multipart_uploads", Bucket="photos"))["Uploads"]] == [upload]
        done = await complete(s3, upload, parts)
        hashes = b"".join(hashlib.md5(p).digest() for p in (b"first part", b"second part", b"end"))
        assert done["ETag"] == f'"{hashlib.md5(hashes).hexdigest()}-3"'
        assert done["Location"] == "http://s3.test/s3/photos/big"
        assert (await complete(s3, upload, parts))["ETag"] == done["ETag"]      # asked again: answered again
        got = await s3("get_object", Bucket="photos", Key="big", IfMatch=done["ETag"])
        assert (got["Body"], got["ETag"]) == (b"first partsecond partend", done["ETag"])
        assert (got["ContentType"], got["Metadata"]) == ("image/x", {"a": "b"})
        part = await s3("get_object", Bucket="photos", Key="big", PartNumber=2)
        assert (part["Body"], part["PartsCount"], part["ETag"]) == (b"second part", 3, done["ETag"])
        assert [o["ETag"] for o in (await s3("list_objects_v2", Bucket="photos"))["Contents"]] == [done["ETag"]]
        assert "Uploads" not in await s3("list_multipart_uploads", Bucket="photos")
        assert "photos+segments" not in [b["Name"] for b in (await s3("list_buckets"))["Buckets"]]
        assert (await alice.get("/photos/big")).data == got["Body"]


async def test_parts_go_with_the_object_that_they_were_for():
    async with TestStore(real_time=True, **SMALL) as store:
        s3, alice = boto(store), store.as_("alice")
        await s3("create_bucket", Bucket="photos")
        for end in ("delete", "overwrite", "copy", "abort", "leave out"):
            upload, parts = await begun(s3)
            if end == "abort":
                await s3("abort_multipart_upload", Bucket="photos", Key="big", UploadId=upload)
                asked = {"Bucket": "photos", "Key": "big", "UploadId": upload}
                assert await s3.refused("list_parts", **asked) == "NoSuchUpload"
                assert await s3.refused("upload_part", PartNumber=1, Body=b"", **asked) == "NoSuchUpload"
            elif end == "leave out":
                await complete(s3, upload, parts[:1])
                assert len(await alice.names("/photos+segments")) == 1
                await s3("delete_objects", Bucket="photos", Delete={"Objects": [{"Key": "big"}]})
            else:
                await complete(s3, upload, parts)
            if end == "delete":
                await s3("delete_object", Bucket="photos", Key="big")
            elif end == "overwrite":
                await s3("put_object", Bucket="photos", Key="big", Body=b"new")
            elif end == "copy":
                await s3("put_object", Bucket="photos", Key="source", Body=b"new")
                await s3("copy_object", Bucket="photos", Key="big", CopySource="photos/source")
            assert await alice.names("/photos+segments") == [], end


async def test_a_copy_of_what_was_made_of_parts_is_one_object():
    async with TestStore(real_time=True, **SMALL) as store:
        s3, alice = boto(store), store.as_("alice")
        await s3("create_bucket", Bucket="photos")
        upload, parts = await begun(s3)
        await complete(s3, upload, parts)
        await s3("copy_object", Bucket="photos", Key="copy", CopySource="photos/big")
        assert (await alice.request("COPY", "/photos/big", destination="photos/native")).status == 201
        for key in ("copy", "native"):
            etag = hashlib.md5(b"first partsecond partend").hexdigest()
            assert (await s3("head_object", Bucket="photos", Key=key))["ETag"] == f'"{etag}"'
            await s3("delete_object", Bucket="photos", Key=key)
        assert (await s3("get_object", Bucket="photos", Key="big"))["Body"] == b"first partsecond partend"


async def test_parts_that_are_copied():
    async with TestStore(real_time=True, **SMALL) as store:
        s3 = boto(store)
        await s3("create_bucket", Bucket="photos")
        await s3("put_object", Bucket="photos", Key="source", Body=b"0123456789")
        upload = (await s3("create_multipart_upload", Bucket="photos", Key="big"))["UploadId"]
        asked = {"Bucket": "photos", "Key": "big", "UploadId": upload, "CopySource": "photos/source"}
        parts = [{"PartNumber": 1, "ETag": (await s3("upload_part_copy", PartNumber=1, **asked))["CopyPartResult"]["ETag"]},
                 {"PartNumber": 2, "ETag": (await s3("upload_part_copy", PartNumber=2, CopySourceRange="bytes=2-3", **asked))
                  ["CopyPartResult"]["ETag"]}]
        assert await s3.refused("upload_part_copy", PartNumber=3, CopySourceRange="bytes=2-30", **asked) == "InvalidArgument"
        await complete(s3, upload, parts)
        assert (await s3("get_object", Bucket="photos", Key="big"))["Body"] == b"012345678923"


async def test_uploads_that_cannot_be_completed_stay_as_they_are():
    async with TestStore(real_time=True, **SMALL) as store:
        s3 = boto(store)
        await s3("create_bucket", Bucket="photos")
        upload, parts = await begun(s3, parts=(b"tiny", b"second part"))
        asked = {"Bucket": "photos", "Key": "big", "UploadId": upload}
        for bad, code in (([], "MalformedXML"), (parts, "EntityTooSmall"), (parts[::-1], "InvalidPartOrder"),
                          ([{"PartNumber": 2, "ETag": parts[0]["ETag"]}], "InvalidPart"),
                          ([{"PartNumber": 7, "ETag": parts[0]["ETag"]}], "InvalidPart")):
            assert await s3.refused("complete_multipart_upload", MultipartUpload={"Parts": bad}, **asked) == code
        assert len((await s3("list_parts", **asked))["Parts"]) == 2
        assert await s3.refused("head_object", Bucket="photos", Key="big") == "404"
        assert await s3.refused("upload_part", PartNumber=1001, Body=b"", **asked) == "InvalidArgument"
        assert await s3.refused("upload_part", PartNumber=1, Body=b"", **(asked | {"Key": "other"})) == "NoSuchUpload"
        assert await s3.refused("upload_part", PartNumber=1, Body=b"", **(asked | {"UploadId": "../.."})) == "NoSuchUpload"
        await complete(s3, upload, parts[1:])


async def test_pages_of_uploads():
    async with TestStore(real_time=True, **SMALL) as store:
        s3 = boto(store)
        await s3("create_bucket", Bucket="photos")
        made = sorted([(key, (await s3("create_multipart_upload", Bucket="photos", Key=key))["UploadId"])
                       for key in ("a", "a-b", "a/1", "a/2", "a")])
        found, asked = [], {}
        while True:
            page = await s3("list_multipart_uploads", Bucket="photos", MaxUploads=2, **asked)
            found += [(u["Key"], u["UploadId"]) for u in page["Uploads"]]
            if not page["IsTruncated"]:
                break
            asked = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
        assert found == made
        rolled = await s3("list_multipart_uploads", Bucket="photos", Delimiter="/", KeyMarker="a")
        assert [u["Key"] for u in rolled["Uploads"]] == ["a-b"] and rolled["CommonPrefixes"] == [{"Prefix": "a/"}]
        await s3("delete_bucket", Bucket="photos")
        assert not (await s3("list_buckets"))["Buckets"] and not store.files()


async def test_versions():
    async with TestStore(real_time=True, **SMALL) as store:
        s3 = boto(store)
        await s3("create_bucket", Bucket="photos")
        assert "Status" not in await s3("get_bucket_versioning", Bucket="photos")
        await s3("put_bucket_versioning", Bucket="photos", VersioningConfiguration={"Status": "Enabled"})
        assert (await s3("get_bucket_versioning", Bucket="photos"))["Status"] == "Enabled"
        first = (await s3("put_object", Bucket="photos", Key="o", Body=b"1"))["VersionId"]
        upload, parts = await begun(s3, key="o")
        big = await complete(s3, upload, parts, key="o")
        gone = await s3("delete_object", Bucket="photos", Key="o")
        assert gone["DeleteMarker"]
        assert await s3.refused("get_object", Bucket="photos", Key="o") == "NoSuchKey"
        assert await s3.refused("get_object", Bucket="photos", Key="o", VersionId=gone["VersionId"]) == "MethodNotAllowed"
        assert (await s3("get_object", Bucket="photos", Key="o", VersionId=first))["Body"] == b"1"
        listed = await s3("list_object_versions", Bucket="photos")
        shown = [(v["VersionId"] == first, v["ETag"] == big["ETag"], v["IsLatest"]) for v in listed["Versions"]]
        assert shown == [(False, True, False), (True, False, False)]
        assert [m["VersionId"] for m in listed["DeleteMarkers"]] == [gone["VersionId"]]
        await s3("delete_object", Bucket="photos", Key="o", VersionId=gone["VersionId"])
        second = listed["Versions"][0]["VersionId"]
        assert (await s3("get_object", Bucket="photos", Key="o", VersionId=second))["Body"] == b"first partsecond partend"
        await s3("copy_object", Bucket="photos", Key="back", CopySource={"Bucket": "photos", "Key": "o", "VersionId": first})
        assert (await s3("get_object", Bucket="photos", Key="back"))["Body"] == b"1"
        versions = (await s3("list_object_versions", Bucket="photos"))["Versions"]
        wanted = [{"Key": v["Key"], "VersionId": v["VersionId"]} for v in versions]
        done = await s3("delete_objects", Bucket="photos", Delete={"Objects": wanted})
        assert len(done["Deleted"]) == 3 and "Errors" not in done
        await s3("delete_bucket", Bucket="photos")
        assert not store.files()


async def test_many_are_deleted():
    async with TestStore(real_time=True) as store:
        s3 = boto(store)
        await s3("create_bucket", Bucket="photos")
        for key in ("a", "b&<"):
            await s3("put_object", Bucket="photos", Key=key, Body=b"")
        done = await s3("delete_objects", Bucket="photos", Delete={"Objects": [{"Key": "a"}, {"Key": "b&<"}, {"Key": "never"}]})
        assert sorted(d["Key"] for d in done["Deleted"]) == ["a", "b&<", "never"]
        assert not store.files()


async def test_what_is_encrypted_reads_and_lists_the_same():
    root = base64.b64encode(bytes(32)).decode()
    async with TestStore(real_time=True, encryption={"root_secrets": {"a": root}, "active_root_secret_id": "a"}, **SMALL) as store:
        s3 = boto(store)
        await s3("create_bucket", Bucket="photos")
        plain = await s3("put_object", Bucket="photos", Key="plain", Body=b"hello", Tagging="a=b", Metadata={"m": "n"})
        upload, parts = await begun(s3)
        big = await complete(s3, upload, parts)
        await s3("copy_object", Bucket="photos", Key="copy", CopySource="photos/plain")
        assert (await s3("get_object", Bucket="photos", Key="big", IfMatch=big["ETag"]))["Body"] == b"first partsecond partend"
        assert (await s3("get_object", Bucket="photos", Key="plain", IfMatch=plain["ETag"]))["TagCount"] == 1
        assert await s3.refused("get_object", Bucket="photos", Key="big", IfMatch=plain["ETag"]) == "PreconditionFailed"
        listed = {o["Key"]: (o["ETag"], o["Size"]) for o in (await s3("list_objects_v2", Bucket="photos"))["Contents"]}
        assert listed == {"plain": (plain["ETag"], 5), "copy": (plain["ETag"], 5), "big": (big["ETag"], 24)}
        assert not any(b"hello" in path.read_bytes() for path in store.files())
