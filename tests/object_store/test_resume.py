"""Reading goes on although storage servers go away; those that fail again and again are left alone for a while."""

import asyncio
import os

import pytest

from pileus.object_store.wire.message import Request
from tests.object_store.harness import TestStore

BODY = os.urandom(400_000)


class Breaking:
    """Bodies of storage servers end after some bytes, as often as is said."""

    def __init__(self, store, times, after=100_000):
        self.through, self.times, self.after, self.asked = store.objects.proxy.transport, times, after, []
        store.objects.proxy.transport = self

    async def __call__(self, to, req):
        self.asked.append((req.method, req.path.split("/")[2]))
        answer = await self.through(to, req)
        if req.method == "GET" and not isinstance(answer.body, bytes):
            answer.body = self.broken(answer.body)
        return answer

    async def broken(self, body):
        given = 0
        async for chunk in body:
            if self.times and given + len(chunk) > self.after:
                self.times -= 1
                yield chunk[:self.after - given]
                raise ConnectionResetError("gone")
            given += len(chunk)
            yield chunk


@pytest.fixture
def store():
    return TestStore(replicas=3, devices=5, part_power=4)


@pytest.mark.parametrize("range,part", [(None, BODY), ("bytes=5000-", BODY[5000:]), ("bytes=10-350000", BODY[10:350_001])])
@pytest.mark.parametrize("times", [1, 2])
async def test_another_server_goes_on(store, range, part, times):
    alice = store.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", BODY)
    Breaking(store, times)
    got = await alice.get("/c/o", **({"Range": range} if range else {}))
    assert got.data == part


async def test_not_with_another_object(store):
    """Only the very same object goes on: a newer one in its place does not."""
    alice = store.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", BODY)
    Breaking(store, 1)
    answer = await store.objects.proxy(Request("GET", "/v1/AUTH_alice/c/o"))
    got = await anext(answer.body)
    await alice.put("/c/o", b"x" * len(BODY))
    with pytest.raises(ConnectionError):
        async for chunk in answer.body:
            got += chunk
    assert BODY.startswith(got)


async def test_several_ranges_are_cut_off(store):
    alice = store.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", BODY)
    Breaking(store, 1)
    with pytest.raises(ConnectionError):
        await alice.get("/c/o", Range="bytes=0-200000,300000-399999")


async def test_a_device_that_fails_is_left_alone_for_a_while():
    async with TestStore(replicas=3, devices=5, part_power=4,
                         proxy={"error_suppression_limit": 3, "error_suppression_interval_s": 60.0, "recheck_s": 0.0}) as store:
        alice, through, asked = store.as_("alice"), store.objects.proxy.transport, []
        await alice.put("/c")

        async def failing(to, req):
            if req.path.split("/")[1:3] == ["object", "d1"]:
                asked.append(req.method)
                raise ConnectionRefusedError("d1")
            return await through(to, req)

        store.objects.proxy.transport = failing
        for n in range(40):
            assert (await alice.put(f"/c/{n}", b"x")).status == 201
        assert len(asked) == 4
        await asyncio.sleep(61)
        for n in range(40):
            assert (await alice.get(f"/c/{n}")).data == b"x"
        assert 4 < len(asked) <= 9


@pytest.mark.realtime
async def test_a_node_is_killed_while_an_object_is_read(cluster):
    alice, body = cluster.as_("alice"), os.urandom(16 << 20)
    await alice.put("/c")
    assert (await alice.put("/c/o", body)).status == 201
    answer = await cluster.objects.proxy(Request("GET", "/v1/AUTH_alice/c/o"))
    got = await anext(answer.body)
    await cluster.kill(cluster.node_of(answer.facts["proxy.node"].device))
    async for chunk in answer.body:
        got += chunk
    assert got == body
