"""Threads of a device: what is done in them, and what becomes of it when nobody waits any more."""

import asyncio
import threading

import pytest

from pileus.object_store.storage.threads import Threads


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
