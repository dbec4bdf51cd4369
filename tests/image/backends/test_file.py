"""The store of files."""

import os
import resource
import stat

import pytest
from tests.image.backends.contract import BLOCK, check_blob_store, these

from pileus.image.backends.base import BlobMissing, StoreFull
from pileus.image.backends.file import FileStore
from pileus.image.backends.work import Workers


def store_in(folder, threads=0):
    store = FileStore([folder / "blobs"], Workers(threads))
    store.start()
    return store


async def test_it_keeps_the_contract_in_the_loop(tmp_path):
    await check_blob_store(store_in(tmp_path))


@pytest.mark.realtime
async def test_it_keeps_the_contract_in_threads(tmp_path):
    await check_blob_store(store_in(tmp_path, 2))


async def test_blocks_of_zeros_take_no_space(tmp_path):
    store = store_in(tmp_path)
    await store.put("sparse", these(*[bytes(BLOCK)] * 50, b"x", bytes(BLOCK)))
    found = os.stat(store.path("sparse"))
    assert found.st_size == 51 * BLOCK + 1 and found.st_blocks * 512 < 2 * BLOCK


async def test_only_this_user_can_read_them(tmp_path):
    store = store_in(tmp_path)
    await store.put("one", these(b"x"))
    assert stat.S_IMODE(os.stat(store.path("one")).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(store.folders[0]).st_mode) == 0o700


@pytest.mark.parametrize("key", ["", ".", "..", "../x", "a/b", "/etc/passwd"])
async def test_ossa_2015_002_a_key_is_never_a_path(tmp_path, key):
    store = store_in(tmp_path)
    with pytest.raises(BlobMissing):
        await store.put(key, these(b"x"))
    with pytest.raises(BlobMissing):
        [block async for block in store.read(key)]
    with pytest.raises(BlobMissing):
        await store.delete(key)


async def test_a_file_that_cannot_grow_leaves_nothing_and_says_so(tmp_path):
    store = store_in(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (BLOCK, before[1]))
    try:
        with pytest.raises(StoreFull):
            await store.put("one", these(b"x" * BLOCK, b"y"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(store.folders[0]) == []


async def test_zeros_within_a_block_take_no_space_either(tmp_path):
    store = store_in(tmp_path)
    data = b"x" * 5000 + bytes(700_000) + b"y" * 70_000 + bytes(300_000)
    await store.put("one", these(data[:600_000], data[600_000:]))
    file = store.path("one")
    assert file.read_bytes() == data and file.stat().st_blocks * 512 < 300_000
