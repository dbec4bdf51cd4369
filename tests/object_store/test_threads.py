"""Threads of a device: what is done in them, and what becomes of it when nobody waits any more."""

import asyncio
import hashlib
import threading

import pytest

from pileus.object_store.storage.threads import APART, Beside, Lane, Threads


@pytest.mark.realtime
async def test_work_is_done_in_so_many_threads_and_its_failures_are_raised():
    threads, both, seen = Threads("device", 2), threading.Barrier(2), set()

    def work(number):
        seen.add(threading.current_thread().name)
        both.wait(5)                        # two at a time, or it breaks
        return 10 // number

    waiting = [threads.run(work, number) for number in (1, 2, 5, 0)]
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert answers[:3] == [10, 5, 2] and isinstance(answers[3], ZeroDivisionError)
    assert seen == {"device-1", "device-2"}
    threads.close()


@pytest.mark.realtime
async def test_what_nobody_waits_for_is_not_begun():
    threads, begun, gate, did = Threads("device", 1), threading.Event(), threading.Event(), []

    def hold():
        begun.set()
        gate.wait(5)

    first = threads.run(hold)
    begun.wait(5)
    dropped = threads.run(did.append, "dropped")
    dropped.cancel()
    kept = threads.run(did.append, "kept")
    gate.set()
    await first
    await kept
    assert did == ["kept"]
    gate.clear()
    begun.clear()
    last = threads.run(hold)
    begun.wait(5)
    closed = threads.run(did.append, "after the end")
    threads.close()
    gate.set()
    await last                              # what has begun is finished
    assert closed.cancelled() and did == ["kept"]
    with pytest.raises(RuntimeError, match="closed"):
        threads.run(did.append, "more")


async def test_without_threads_it_is_done_at_once():
    threads = Threads("memory", 0)
    assert await threads.run(threading.current_thread) is threading.main_thread()
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)


@pytest.mark.realtime
async def test_a_lane_keeps_the_order_and_another_one_goes_on_beside_it():
    threads, both, did = Threads("device", 2), threading.Barrier(2), []
    lanes = Lane(threads), Lane(threads)

    def work(lane, number):
        if number == 0:
            both.wait(5)                    # two lanes at a time, or it breaks
        did.append((lane, number))
        return number

    waiting = [lane.run(work, name, number) for number in range(50) for name, lane in enumerate(lanes)]
    assert await asyncio.gather(*waiting) == [number for number in range(50) for _ in lanes]
    for name in range(2):
        assert [number for lane, number in did if lane == name] == list(range(50))
    with pytest.raises(ZeroDivisionError):
        await lanes[0].run(lambda: 1 // 0)
    assert await lanes[0].run(work, 0, 50) == 50
    threads.close()


@pytest.mark.realtime
async def test_a_lane_with_much_to_do_lets_others_have_the_thread():
    threads, gate, did = Threads("device", 1), threading.Event(), []
    lane = Lane(threads)
    lane.run(gate.wait, 5)
    many = [lane.run(did.append, number) for number in range(3)]
    other = threads.run(did.append, "other")
    assert threads.wanted
    gate.set()
    await asyncio.gather(*many, other)
    assert did == ["other", 0, 1, 2]
    threads.close()


@pytest.mark.realtime
async def test_what_waits_in_a_lane_is_cancelled_when_the_threads_are_closed():
    threads, begun, gate, did = Threads("device", 1), threading.Event(), threading.Event(), []

    def hold():
        begun.set()
        gate.wait(5)

    lane, other = Lane(threads), Lane(threads)
    running, waiting, behind = lane.run(hold), lane.run(did.append, "waiting"), other.run(did.append, "behind")
    threads.later(did.append, "later")
    begun.wait(5)
    threads.close()
    gate.set()
    await running
    await asyncio.wait([waiting, behind], timeout=5)
    assert waiting.cancelled() and behind.cancelled()
    assert did == ["later"]                 # nobody waits for it: it is done all the same
    threads.later(did.append, "at once")
    assert did == ["later", "at once"]


@pytest.mark.realtime
async def test_what_goes_by_is_reckoned_in_its_order_whatever_the_pieces():
    threads, one, other = Threads("proxy", 2), hashlib.md5(), hashlib.sha256()
    pieces = [bytes([n]) * size for n, size in enumerate((10, APART, 1, 3 * APART, 5, APART, APART, 7))]
    beside = Beside(threads, one.update, other.update)
    for piece in pieces:
        await beside.take(piece)
    await beside.settle()
    await beside.settle()
    assert one.digest() == hashlib.md5(b"".join(pieces)).digest() and other.digest() == hashlib.sha256(b"".join(pieces)).digest()
    threads.close()
