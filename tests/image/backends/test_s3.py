"""The store of S3's objects, against the object store of a cloud."""

import pytest
from tests.image.backends.clouds import key, listening, objects
from tests.image.backends.contract import BLOCK, check_blob_store, read, these

from pileus.core.clock import Clock
from pileus.image.backends.base import BlobMissing, StoreFailed
from pileus.image.backends.config import S3Config
from pileus.image.backends.s3 import S3Store, _parsed
from pileus.image.backends.work import Workers

pytestmark = pytest.mark.realtime


async def store(cloud, **more):
    config = {"endpoint": f"http://127.0.0.1:{cloud.port}/s3", "region": "RegionOne"} | await key(cloud) | more
    return S3Store(S3Config(**config), Clock(), Workers(1))


@pytest.mark.parametrize("more", [{}, {"prefix": "of this/cloud ü/", "bucket": "other"}])
async def test_it_keeps_the_contract(more):
    async with listening() as cloud:
        await check_blob_store(await store(cloud, **more))
        assert await objects(cloud, more.get("bucket", "images")) == []


async def test_a_large_blob_is_uploaded_in_parts():
    async with listening() as cloud:
        s3 = await store(cloud, part_bytes=5 << 20)
        blocks = [bytes([n]) * BLOCK for n in range(12)] + [b"the end"]
        await s3.put("big", these(*blocks))
        data = b"".join(blocks)
        assert await read(s3, "big") == data and await read(s3, "big", (5 << 20) - 3, 6) == data[(5 << 20) - 3:(5 << 20) + 3]
        assert await s3.keys() == {"big"}
        await s3.delete("big")
        assert await s3.keys() == set()


async def test_a_large_blob_that_fails_leaves_no_upload():
    async with listening() as cloud:
        s3 = await store(cloud, part_bytes=5 << 20)

        async def broken():
            for _ in range(7):
                yield b"x" * BLOCK
            raise RuntimeError("no more")

        with pytest.raises(RuntimeError):
            await s3.put("big", broken())
        assert await s3.keys() == set()


async def test_an_upload_that_a_crash_left_has_a_key_and_can_be_deleted():
    async with listening() as cloud:
        s3 = await store(cloud)
        await s3.put("other", these(b"x"))
        await s3._xml("POST", s3._path("one"), {"uploads": ""})
        assert await s3.keys() == {"one", "other"}
        with pytest.raises(BlobMissing):
            await read(s3, "one")
        await s3.delete("one")
        assert await s3.keys() == {"other"}


async def test_what_is_of_another_prefix_is_nobodys_business():
    async with listening() as cloud:
        ours, theirs = await store(cloud, prefix="ours/"), await store(cloud, prefix="theirs/")
        await theirs.put("one", these(b"x"))
        assert await ours.keys() == set()
        await ours.delete("one")
        assert await read(theirs, "one") == b"x"


@pytest.mark.parametrize("wrong", [{"secret_key": "no"}, {"access_key": "nobody"}, {"endpoint": "http://127.0.0.1:1"}])
async def test_a_store_that_cannot_be_reached_says_so(wrong):
    async with listening() as cloud:
        s3 = await store(cloud, **wrong)
        for doing in (s3.put("one", these(b"x")), read(s3, "one"), s3.delete("one"), s3.keys()):
            with pytest.raises(StoreFailed):
                await doing


@pytest.mark.parametrize("text", [b"", b"x", b"<a>", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'])
def test_answers_that_are_not_s3s(text):
    with pytest.raises(StoreFailed):
        _parsed(text)
