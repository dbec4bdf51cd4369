"""What every image store must do. Give it a way to make one; it is the same for all of them."""

import asyncio

import pytest

from pileus.image.backends.base import BlobMissing, BlobStore

BLOCK = 1 << 20


async def these(*blocks):
    for block in blocks:
        yield block


async def read(store: BlobStore, *args) -> bytes:
    return b"".join([block async for block in store.read(*args)])


async def check_blob_store(store: BlobStore) -> None:
    await _keeps_bytes(store)
    await _reads_parts(store)
    await _keeps_nothing_of_what_failed(store)
    await _keeps_nothing_of_what_was_cancelled(store)
    await _deletes(store)
    assert await store.keys() == set()


async def _keeps_bytes(store):
    for key, blocks in {"text": [b"abc", b"de"], "empty": [], "zeros": [bytes(BLOCK)], "holes": [bytes(BLOCK), b"x", bytes(BLOCK)],
                        "mixed": [b"x" * BLOCK, bytes(7)]}.items():
        await store.put(key, these(*blocks))
        assert await read(store, key) == b"".join(blocks), key
        assert key in await store.keys()
        await store.delete(key)


async def _reads_parts(store):
    data = bytes(range(256)) * 5000
    await store.put("parts", these(data[:BLOCK], data[BLOCK:]))
    for start, length in ((0, 0), (0, 1), (10, 20), (BLOCK - 1, 2), (len(data) - 3, 3), (0, len(data))):
        assert await read(store, "parts", start, length) == data[start:start + length]
    assert await read(store, "parts", 5) == data[5:]
    with pytest.raises(BlobMissing):
        await read(store, "parts", len(data) - 1, 2)
    await store.delete("parts")


async def _keeps_nothing_of_what_failed(store):
    async def broken():
        yield b"x" * BLOCK
        assert "broken" in await store.keys()
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        await store.put("broken", broken())
    assert await store.keys() == set()


async def _keeps_nothing_of_what_was_cancelled(store):
    begun = asyncio.Event()

    async def endless():
        yield b"x" * BLOCK
        begun.set()
        await asyncio.get_running_loop().create_future()

    putting = asyncio.create_task(store.put("endless", endless()))
    await begun.wait()
    assert await store.keys() == {"endless"}
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert await store.keys() == set()


async def _deletes(store):
    """Twice, what is absent, and what is being written: then the writer is told, and nothing is left."""
    await store.delete("absent")
    await store.put("there", these(b"x"))
    await store.delete("there")
    await store.delete("there")
    with pytest.raises(BlobMissing):
        await read(store, "there")

    async def deleted_meanwhile():
        yield b"x" * BLOCK
        await store.delete("going")
        yield b"y"

    with pytest.raises(BlobMissing):
        await store.put("going", deleted_meanwhile())
    assert await store.keys() == set()
