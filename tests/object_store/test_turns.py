"""Bodies are asked for in turn, so that the server's buffers are not as many as its clients."""

import asyncio

import pytest

from pileus.object_store.wire.asgi import PATIENCE_S, SMALL, ClientGone, Incoming, Turns


class Client:
    """Sends a piece each time that it is let, and says how many are being asked."""

    def __init__(self, asked: list[int], delay_s: float, pieces: int):
        self.asked, self.delay_s, self.left = asked, delay_s, pieces

    async def receive(self):
        self.asked[0] += 1
        self.asked[1] = max(self.asked)
        await asyncio.sleep(self.delay_s)
        self.asked[0] -= 1
        self.left -= 1
        return {"type": "http.request", "body": bytes(SMALL), "more_body": self.left > 0}


async def taken(client: Client, turns: Turns) -> int:
    return sum([len(chunk) async for chunk in Incoming(client.receive, turns)])


async def test_so_many_are_asked_at_a_time():
    turns, asked = Turns(2), [0, 0]
    clients = [Client(asked, 0.01, 1) for _ in range(10)]
    await asyncio.gather(*(taken(client, turns) for client in clients))
    assert asked[1] == 10                               # what is small waits for nobody
    asked[1] = 0
    bodies = [Incoming(Client(asked, 0.01, 5).receive, turns) for _ in range(10)]
    for body in bodies:
        body.size = SMALL
    await asyncio.gather(*(asyncio.ensure_future(all_of(body)) for body in bodies))
    assert asked[1] == 2


async def all_of(body: Incoming) -> int:
    return sum([len(chunk) async for chunk in body])


async def test_those_who_are_slow_keep_nobody_waiting():
    turns, loop = Turns(1), asyncio.get_running_loop()
    slow = [asyncio.ensure_future(taken(Client([0, 0], 10, 4), turns)) for _ in range(20)]
    await asyncio.sleep(15)                             # their second pieces are being waited for, and their turns are lost
    since = loop.time()
    assert await taken(Client([0, 0], 0.001, 50), turns) == 50 * SMALL
    assert loop.time() - since < 0.1
    assert await asyncio.gather(*slow) == [4 * SMALL] * 20


async def test_who_was_slow_once_is_asked_in_turn_again():
    turns = Turns(1)
    client = Client([0, 0], 2 * PATIENCE_S, 100)
    body = Incoming(client.receive, turns)
    await anext(body)
    await anext(body)
    assert body.slow
    client.delay_s = 0
    await anext(body)
    assert not body.slow
    await turns.free.acquire()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await anext(body)
    turns.free.release()
    await anext(body)


async def test_a_turn_is_not_lost_with_its_body():
    turns, body = Turns(1), None

    async def gone():
        return {"type": "http.disconnect"}

    body = Incoming(gone, turns)
    body.size = SMALL
    with pytest.raises(ClientGone):
        await anext(body)
    hanging = Incoming(asyncio.Event().wait, turns)
    hanging.size = SMALL
    task = asyncio.ensure_future(anext(hanging))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert await taken(Client([0, 0], 0, 3), turns) == 3 * SMALL
