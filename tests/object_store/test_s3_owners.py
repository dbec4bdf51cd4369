"""Buckets and objects that belong to users (`s3_acl`), not to projects; and names of buckets that are everybody's (`global_names`)."""

import asyncio

import pytest

from tests.object_store.harness import TestStore
from tests.object_store.s3 import HOST, boto, raw

pytestmark = pytest.mark.realtime
S3_ACL = {"s3_acl": True, "min_segment_size": 1}
#: What others of the project may not do in a bucket that is not theirs, and whose lists say nothing of them.
REFUSED = [("list_objects_v2", {}), ("list_object_versions", {}), ("head_bucket", {}), ("get_bucket_acl", {}),
           ("put_bucket_acl", {"ACL": "public-read"}),
           ("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Enabled"}}), ("get_bucket_cors", {}),
           ("delete_bucket_cors", {}),
           ("get_bucket_policy", {}), ("get_bucket_tagging", {}), ("get_bucket_lifecycle_configuration", {}), ("delete_bucket", {}),
           ("list_multipart_uploads", {}), ("get_object", {"Key": "o"}), ("head_object", {"Key": "o"}),
           ("get_object_acl", {"Key": "o"}),
           ("put_object_acl", {"Key": "o", "ACL": "public-read"}), ("put_object", {"Key": "o", "Body": b"x"}),
           ("delete_object", {"Key": "o"}),
           ("get_object_tagging", {"Key": "o"}), ("delete_object_tagging", {"Key": "o"}), ("create_multipart_upload", {"Key": "o"}),
           ("get_object", {"Key": "none"}), ("copy_object", {"Key": "new", "CopySource": "photos/o"})]


async def _two(store):
    """Alice, who has a bucket, and Bob of the same project, with the same role."""
    alice, bob = boto(store, "alice", project="band"), boto(store, "bob", project="band")
    await alice("create_bucket", Bucket="photos")
    await alice("put_object", Bucket="photos", Key="o", Body=b"hello", Tagging="a=b")
    return alice, bob


async def test_what_one_user_makes_others_of_the_project_do_not_reach():
    async with TestStore(real_time=True, s3=S3_ACL) as store:
        alice, bob = await _two(store)
        for method, more in REFUSED:
            assert await bob.refused(method, Bucket="photos", **more) in ("AccessDenied", "403"), method
        deleted = await bob("delete_objects", Bucket="photos", Delete={"Objects": [{"Key": "o"}]})
        assert deleted["Errors"][0]["Code"] == "AccessDenied" and "Deleted" not in deleted
        assert [b["Name"] for b in (await bob("list_buckets"))["Buckets"]] == []
        assert [b["Name"] for b in (await alice("list_buckets"))["Buckets"]] == ["photos"]
        nobody = boto(store, "eve", project="band", roles=("reader",))
        assert (await nobody("list_buckets"))["Buckets"] == [] and await nobody.refused("create_bucket", Bucket="eves") == "AccessDenied"
        assert await nobody.refused("create_bucket", Bucket="photos") == "AccessDenied"     # not even that it is there
        assert (await raw(store, "GET", f"http://{HOST}/s3", {}))[0] == 403
        assert await bob.refused("create_bucket", Bucket="photos") == "BucketAlreadyExists"
        assert await alice.refused("create_bucket", Bucket="photos") == "BucketAlreadyOwnedByYou"
        assert (await alice("get_object", Bucket="photos", Key="o"))["Body"] == b"hello"
        for method, more in (("get_bucket_acl", {}), ("get_object_acl", {"Key": "o"})):
            told = await alice(method, Bucket="photos", **more)
            assert told["Owner"]["ID"] == "band:alice" and [g["Permission"] for g in told["Grants"]] == ["FULL_CONTROL"]


async def test_lists_of_buckets_and_of_objects_say_different_things():
    async with TestStore(real_time=True, s3=S3_ACL) as store:
        alice, bob = await _two(store)
        await alice("put_bucket_acl", Bucket="photos", GrantRead='id="band:bob"')
        assert [o["Key"] for o in (await bob("list_objects_v2", Bucket="photos"))["Contents"]] == ["o"]
        assert await bob.refused("get_object", Bucket="photos", Key="o") == "AccessDenied"      # who may list may not read
        assert await bob.refused("get_object", Bucket="photos", Key="none") == "NoSuchKey"
        assert await bob.refused("put_object", Bucket="photos", Key="n", Body=b"x") == "AccessDenied"
        await alice("put_object_acl", Bucket="photos", Key="o", GrantRead='id="band:bob"')
        assert (await bob("get_object", Bucket="photos", Key="o"))["Body"] == b"hello"
        assert await bob.refused("get_object_acl", Bucket="photos", Key="o") == "AccessDenied"
        await alice("put_bucket_acl", Bucket="photos", GrantWrite='id="band:bob"')
        assert await bob.refused("list_objects_v2", Bucket="photos") == "AccessDenied"
        await bob("put_object", Bucket="photos", Key="bobs", Body=b"mine")
        assert await alice.refused("get_object", Bucket="photos", Key="bobs") == "AccessDenied"      # it is his
        assert (await bob("get_object_acl", Bucket="photos", Key="bobs"))["Owner"]["ID"] == "band:bob"
        for canned, allowed in (("bucket-owner-read", ["READ"]), ("bucket-owner-full-control", ["FULL_CONTROL"])):
            await bob("put_object", Bucket="photos", Key="bobs", Body=b"mine", ACL=canned)
            assert (await alice("get_object", Bucket="photos", Key="bobs"))["Body"] == b"mine"
            grants = (await bob("get_object_acl", Bucket="photos", Key="bobs"))["Grants"]
            assert [(g["Grantee"]["ID"], g["Permission"]) for g in grants[1:]] == [("band:alice", name) for name in allowed]
        await bob("put_object_acl", Bucket="photos", Key="bobs", ACL="private")
        assert await alice.refused("get_object", Bucket="photos", Key="bobs") == "AccessDenied"
        await alice("delete_object", Bucket="photos", Key="bobs")                                    # it is her bucket
        assert [o["Key"] for o in (await alice("list_objects_v2", Bucket="photos"))["Contents"]] == ["o"]


async def test_documents_name_the_owner_and_nobody_else_as_owner():
    async with TestStore(real_time=True, s3=S3_ACL) as store:
        alice, _ = await _two(store)
        bob = {"Grantee": {"Type": "CanonicalUser", "ID": "band:bob"}, "Permission": "READ_ACP"}
        for method, more in (("put_bucket_acl", {}), ("put_object_acl", {"Key": "o"})):
            wrong = {"Owner": {"ID": "band"}, "Grants": [bob]}
            assert await alice.refused(method, Bucket="photos", AccessControlPolicy=wrong, **more) == "AccessDenied"
            await alice(method, Bucket="photos", AccessControlPolicy={"Owner": {"ID": "band:alice"}, "Grants": [bob]}, **more)
        for method, more in (("get_bucket_acl", {}), ("get_object_acl", {"Key": "o"})):
            told = await boto(store, "bob", project="band")(method, Bucket="photos", **more)
            assert told["Owner"]["ID"] == "band:alice" and told["Grants"][1]["Permission"] == "READ_ACP"


async def test_everybody_and_other_projects():
    async with TestStore(real_time=True, s3=S3_ACL) as store:
        alice, _ = await _two(store)
        carol = boto(store, "carol")
        assert (await raw(store, "GET", f"http://{HOST}/s3/photos/o", {}))[0] == 403
        await alice("put_object_acl", Bucket="photos", Key="o", ACL="public-read")
        assert (await raw(store, "GET", f"http://{HOST}/s3/photos/o", {}))[2] == b"hello"
        assert (await raw(store, "GET", f"http://{HOST}/s3/photos", {}))[0] == 403
        await alice("put_object_acl", Bucket="photos", Key="o", ACL="authenticated-read")
        assert (await raw(store, "GET", f"http://{HOST}/s3/photos/o", {}))[0] == 403
        assert (await carol("get_object", Bucket="photos", Key="o"))["Body"] == b"hello"
        await alice("put_bucket_acl", Bucket="photos", ACL="public-read-write")
        await carol("put_object", Bucket="photos", Key="carols", Body=b"c")
        assert (await raw(store, "PUT", f"http://{HOST}/s3/photos/nobodys", {}, b"n"))[0] == 200
        assert (await alice("get_object", Bucket="photos", Key="nobodys"))["Body"] == b"n"          # it is its bucket's
        assert await alice.refused("get_object", Bucket="photos", Key="carols") == "AccessDenied"
        assert (await carol("get_object", Bucket="photos", Key="carols"))["Body"] == b"c"
        await alice("put_bucket_acl", Bucket="photos", ACL="private")
        assert await carol.refused("list_objects_v2", Bucket="photos") == "AccessDenied"


async def test_uploads_in_parts_copies_and_versions_belong_to_who_made_them():
    async with TestStore(real_time=True, s3=S3_ACL) as store:
        alice, bob = await _two(store)
        await alice("put_bucket_acl", Bucket="photos", GrantWrite='id="band:bob"', GrantRead='id="band:bob"')
        upload = (await bob("create_multipart_upload", Bucket="photos", Key="big"))["UploadId"]
        part = await bob("upload_part", Bucket="photos", Key="big", UploadId=upload, PartNumber=1, Body=b"part")
        await bob("complete_multipart_upload", Bucket="photos", Key="big", UploadId=upload,
                  MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        assert (await bob("get_object", Bucket="photos", Key="big"))["Body"] == b"part"
        assert await alice.refused("get_object", Bucket="photos", Key="big") == "AccessDenied"
        await alice("put_object_acl", Bucket="photos", Key="o", GrantRead='id="band:bob"')
        await bob("copy_object", Bucket="photos", Key="copy", CopySource="photos/o")
        assert (await bob("get_object_acl", Bucket="photos", Key="copy"))["Owner"]["ID"] == "band:bob"
        assert await alice.refused("get_object", Bucket="photos", Key="copy") == "AccessDenied"
        await alice("put_bucket_versioning", Bucket="photos", VersioningConfiguration={"Status": "Enabled"})
        await alice("put_object", Bucket="photos", Key="v", Body=b"hers")
        first = (await alice("head_object", Bucket="photos", Key="v"))["VersionId"]
        await bob("put_object", Bucket="photos", Key="v", Body=b"his")
        assert (await bob("get_object", Bucket="photos", Key="v"))["Body"] == b"his"
        assert await bob.refused("get_object", Bucket="photos", Key="v", VersionId=first) == "AccessDenied"
        assert (await alice("get_object", Bucket="photos", Key="v", VersionId=first))["Body"] == b"hers"
        assert await alice.refused("get_object", Bucket="photos", Key="v") == "AccessDenied"


async def test_what_was_made_otherwise_is_the_projects():
    async with TestStore(real_time=True, s3=S3_ACL) as store:
        bob, carol = boto(store, "bob", project="band"), boto(store, "carol")
        native = store.as_("alice", project="band")
        await native.put("/tapes")
        await native.put("/tapes/o", b"plain")
        assert (await bob("get_object", Bucket="tapes", Key="o"))["Body"] == b"plain"
        assert [b["Name"] for b in (await bob("list_buckets"))["Buckets"]] == ["tapes"]
        assert await carol.refused("get_object", Bucket="tapes", Key="o") == "NoSuchBucket"


async def test_a_name_that_is_taken_is_taken_for_all_projects():
    async with TestStore(real_time=True, s3={"global_names": True}) as store:
        alice, carol = boto(store, "alice"), boto(store, "carol")
        await alice("create_bucket", Bucket="photos")
        assert await alice.refused("create_bucket", Bucket="photos") == "BucketAlreadyOwnedByYou"
        assert await carol.refused("create_bucket", Bucket="photos") == "BucketAlreadyExists"
        assert await carol.refused("list_objects_v2", Bucket="photos") == "AccessDenied"
        assert [b["Name"] for b in (await carol("list_buckets"))["Buckets"]] == []
        await alice("delete_bucket", Bucket="photos")
        await carol("create_bucket", Bucket="photos")
        for _ in range(5):
            made = await asyncio.gather(*(who("create_bucket", Bucket="both") for who in (alice, carol)), return_exceptions=True)
            refused = [one for one in made if isinstance(one, Exception)]
            left = [who for who in (alice, carol) if "both" in [b["Name"] for b in (await who("list_buckets"))["Buckets"]]]
            assert len(refused) >= 1 and len(left) == 2 - len(refused)
            for who in left:
                await who("delete_bucket", Bucket="both")


async def test_a_name_whose_bucket_is_gone_is_free_and_one_that_was_cut_off_is_taken_again():
    async with TestStore(real_time=True, s3={"global_names": True}) as store:
        alice, carol = boto(store, "alice"), boto(store, "carol")
        await alice("create_bucket", Bucket="photos")
        assert (await store.as_("alice").delete("/photos")).status == 204       # S3 does not hear of it
        await carol("create_bucket", Bucket="photos")
        assert await alice.refused("create_bucket", Bucket="photos") == "BucketAlreadyExists"
        assert (await store.as_("dave").put("/tapes")).status == 201            # as if it had not come to the name
        dave = boto(store, "dave")
        assert await dave.refused("create_bucket", Bucket="tapes") == "BucketAlreadyOwnedByYou"
        assert await alice.refused("create_bucket", Bucket="tapes") == "BucketAlreadyExists"
