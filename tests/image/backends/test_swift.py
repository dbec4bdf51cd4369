"""The store of Swift's large objects, against the object store of a cloud."""

import pytest
from tests.image.backends.clouds import listening, objects, user
from tests.image.backends.contract import BLOCK, check_blob_store, read, these

from pileus.core.clock import Clock
from pileus.image.backends.base import BlobMissing, StoreFailed
from pileus.image.backends.config import SwiftConfig
from pileus.image.backends.swift import SwiftStore

pytestmark = pytest.mark.realtime


def store(cloud, **more):
    return SwiftStore(SwiftConfig(**(user(cloud) | more)), Clock())


@pytest.mark.parametrize("segment_bytes", [1 << 30, 700_001])
async def test_it_keeps_the_contract(segment_bytes):
    async with listening() as cloud:
        await check_blob_store(store(cloud, segment_bytes=segment_bytes))
        assert await objects(cloud, "images") == []


async def test_a_blob_is_a_large_object_of_segments():
    async with listening() as cloud:
        swift = store(cloud, segment_bytes=BLOCK)
        data = bytes(range(256)) * 10_000                                  # 2.56 MB
        await swift.put("big", these(data[:10], data[10:BLOCK * 2], data[BLOCK * 2:]))
        assert await objects(cloud, "images") == ["big", "big/00000000", "big/00000001", "big/00000002"]
        assert await read(swift, "big") == data and await read(swift, "big", BLOCK - 5, 10) == data[BLOCK - 5:BLOCK + 5]
        assert await swift.keys() == {"big"}
        await swift.delete("big")
        assert await objects(cloud, "images") == []


async def test_what_a_crash_left_has_a_key_and_can_be_deleted():
    async with listening() as cloud:
        swift = store(cloud)
        await swift.put("whole", these(b"x"))
        await swift._done("DELETE", "whole")                               # as if the manifest had never come
        assert await swift.keys() == {"whole"}
        with pytest.raises(BlobMissing):
            await read(swift, "whole")
        await swift.delete("whole")
        assert await swift.keys() == set() and await objects(cloud, "images") == []


async def test_a_token_that_was_revoked_is_replaced():
    async with listening() as cloud:
        swift = store(cloud)
        await swift.put("one", these(b"x"))
        _, token = await swift.session.endpoint()
        caller = await cloud.as_()
        assert (await caller.delete("/identity/v3/auth/tokens", headers={"X-Subject-Token": token})).status == 204
        assert await read(swift, "one") == b"x"
        _, again = await swift.session.endpoint()
        assert again != token
        assert (await caller.delete("/identity/v3/auth/tokens", headers={"X-Subject-Token": again})).status == 204
        await swift.put("two", these(b"y"))
        assert await swift.keys() == {"one", "two"}


@pytest.mark.parametrize("wrong", [{"password": "no"}, {"region": "nowhere"}, {"auth_url": "http://127.0.0.1:1/v3"}, {"project_name": "x"}])
async def test_a_store_that_cannot_be_reached_says_so(wrong):
    async with listening() as cloud:
        swift = store(cloud, **wrong)
        for doing in (swift.put("one", these(b"x")), read(swift, "one"), swift.delete("one"), swift.keys()):
            with pytest.raises(StoreFailed):
                await doing
