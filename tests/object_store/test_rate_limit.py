"""How often may be written, and stores that are only read."""

import asyncio

import pytest

from pileus.object_store.pipeline.rate_limit import rate_of
from tests.object_store.harness import TestStore


async def test_who_is_too_fast_waits_and_who_is_far_ahead_is_sent_away():
    async with TestStore(rate_limit={"enabled": True, "account_ratelimit": 2.0, "rate_buffer_s": 0.0, "max_sleep_time_s": 1.0}) as store:
        alice = store.as_("alice")
        began = store.clock.monotonic()
        answers = await asyncio.gather(*(alice.put(f"/c{n}") for n in range(6)))
        assert [a.status for a in answers] == [201, 201, 201, 498, 498, 498]
        assert store.clock.monotonic() - began == pytest.approx(1.0, abs=0.1)
        assert (await store.as_("bob").put("/c")).status == 201


async def test_large_containers_take_fewer_writes():
    config = {"enabled": True, "container_ratelimits": {"2": 1.0}, "rate_buffer_s": 0.0, "max_sleep_time_s": 0.0}
    async with TestStore(rate_limit=config, proxy={"recheck_s": 0.0}) as store:
        alice = store.as_("alice")
        await alice.put("/c")
        assert [(await alice.put(f"/c/{n}", b"")).status for n in range(4)] == [201, 201, 201, 498]
        assert (await alice.get("/c/0")).status == 200


def test_between_two_sizes_the_rate_is_between_theirs():
    rates = {"100": 100.0, "200": 50.0}
    assert [rate_of(rates, size) for size in (0, 99, 100, 150, 200, 10_000)] == [0, 0, 100, 75, 50, 50]


async def test_a_store_that_is_only_read():
    async with TestStore() as store:
        alice, root = store.as_("alice"), store.as_("root", roles=("ResellerAdmin",))
        await alice.put("/c")
        await alice.put("/c/o", b"x")
        store.config.read_only = True
        for method, path in (("PUT", "/c/p"), ("DELETE", "/c/o"), ("POST", "/c"), ("PUT", "/d")):
            assert (await alice.request(method, path)).status == 405
        assert (await alice.get("/c/o")).data == b"x"
        assert (await alice.post("", X_Account_Read_Only="false")).status == 403
        assert (await root.post("//v1/AUTH_alice", X_Account_Read_Only="false")).status == 204
        assert (await alice.put("/c/p", b"")).status == 201
        store.config.read_only = False
        await root.post("//v1/AUTH_alice", X_Account_Read_Only="true")
        assert (await alice.put("/c/q", b"")).status == 405


async def test_a_device_that_takes_no_more_is_passed_over_and_not_blamed():
    config = {"by_method": {"GET": 1.0}, "burst_s": 0.0}
    async with TestStore(backend_rate_limit=config, replicas=2, devices=2) as store:
        alice = store.as_("alice")
        await alice.put("/c")
        await alice.put("/c/o", b"x")
        assert [(await alice.get("/c/o")).status for _ in range(3)] == [200, 200, 503]
        await store.clock.sleep(1.0)
        assert (await alice.get("/c/o")).status == 200
        assert not store.objects.proxy.health.errors
