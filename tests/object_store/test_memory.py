"""Large bodies go through: how much memory they take does not depend on how long they are."""

import asyncio
import tracemalloc
from contextlib import contextmanager

from pileus.object_store.wire.message import Request
from tests.object_store.harness import TestStore

MIB = 1 << 20
#: What one transfer may have in memory: what is gathered, what is being hashed and written, and the next piece.
EACH = 3 * MIB


@contextmanager
def peak():
    """The most that was allocated meanwhile, in bytes above what there was, as the only item of a list."""
    found = []
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        yield found
        found.append(tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()


async def coming(mib):
    for number in range(4 * mib):
        yield bytes([number % 256]) * (MIB // 4)
        await asyncio.sleep(0)                          # others go on in between


async def test_uploads_at_once_take_a_little_each_however_long_they_are():
    async with TestStore() as store:
        alice = store.as_("alice")
        await alice.put("/c")
        with peak() as most:
            made = await asyncio.gather(*(alice.put(f"/c/{n}", coming(16)) for n in range(4)))
        assert {each.status for each in made} == {201}
        assert most[0] < 4 * EACH, most


async def test_downloads_take_a_piece_each():
    async with TestStore() as store:
        alice = store.as_("alice")
        await alice.put("/c")
        await alice.put("/c/o", coming(16))

        async def drain():
            answer = await store.objects.store.pipeline(Request("GET", f"{alice.root}/c/o", alice.headers))
            return sum([len(chunk) async for chunk in answer.body])

        with peak() as most:
            assert await asyncio.gather(*(drain() for _ in range(4))) == [16 * MIB] * 4
        assert most[0] < 4 * EACH, most
