"""Storage policies: chosen by a container, kept for ever, each on its own ring."""

import pytest

from pileus.object_store.model.policy import Policies, StoragePolicy
from tests.object_store.harness import TestStore
from tests.object_store.s3 import boto

TWO = [{"index": 0, "name": "gold", "default": True}, {"index": 1, "name": "silver", "aliases": ["tin"]}]


async def test_a_container_chooses_its_policy():
    async with TestStore(policies=TWO) as store:
        alice = store.as_("alice")
        await alice.put("/plain")
        assert (await alice.put("/c", X_Storage_Policy="Tin")).status == 201
        assert (await alice.head("/c")).headers["x-storage-policy"] == "silver"
        await alice.put("/c/o", b"x")
        path, = store.files()
        assert "/objects-1/" in str(path) and (await alice.get("/c/o")).data == b"x" and await alice.names("/c") == ["o"]
        assert (await alice.put("/c", X_Storage_Policy="gold")).status == 409
        assert (await alice.put("/other", X_Storage_Policy="lead")).status == 400
        assert (await alice.put("/c")).status == 202 and (await alice.head("/c")).headers["x-storage-policy"] == "silver"


@pytest.mark.parametrize("policies", [[(0, "a"), (0, "b")], [(0, "a"), (1, "A")], [(1, "a")]])
def test_policies_that_contradict_each_other(policies):
    with pytest.raises(ValueError):
        Policies([StoragePolicy(index=index, name=name) for index, name in policies])


@pytest.mark.realtime
async def test_parts_may_be_under_another_policy_than_the_object_that_they_make_up():
    """Its manifest is kept as its own container says, not as that of the parts."""
    async with TestStore(real_time=True, policies=TWO, s3={"min_segment_size": 5}) as store:
        s3, alice = boto(store), store.as_("alice")
        await s3("create_bucket", Bucket="photos")
        assert (await alice.put("/photos+segments", X_Storage_Policy="silver")).status == 201
        upload = (await s3("create_multipart_upload", Bucket="photos", Key="big"))["UploadId"]
        parts = [{"PartNumber": n, "ETag": (await s3("upload_part", Bucket="photos", Key="big", UploadId=upload, PartNumber=n,
                                                      Body=body))["ETag"]} for n, body in ((1, b"first part"), (2, b"end"))]
        done = await s3("complete_multipart_upload", Bucket="photos", Key="big", UploadId=upload, MultipartUpload={"Parts": parts})
        assert (await s3("get_object", Bucket="photos", Key="big"))["Body"] == b"first partend"
        listed, = (await s3("list_objects", Bucket="photos"))["Contents"]
        assert (listed["Size"], listed["ETag"]) == (13, done["ETag"])
        assert (await alice.get("/photos/big")).data == b"first partend"
        assert {len(list(store.folder.glob(f"devices/*/{folder}/*/*/*/*.data"))) for folder in ("objects", "objects-1")} == {1, 2}


async def test_versions_are_kept_under_the_policy_of_their_container():
    async with TestStore(policies=TWO) as store:
        alice = store.as_("alice")
        await alice.put("/c", X_Storage_Policy="silver", X_Versions_Enabled="true")
        for body in (b"one", b"two"):
            await alice.put("/c/o", body)
        assert (await alice.get("/c/o")).data == b"two"
        versions = (await alice.get("/c?versions&format=json")).json
        assert len(versions) == 2 and not list(store.folder.glob("devices/*/objects/*/*/*/*.data"))
        assert {(await alice.get(f"/c/o?version-id={row['version_id']}")).data for row in versions} == {b"one", b"two"}
