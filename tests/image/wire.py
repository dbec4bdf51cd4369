"""A client that sends a body in its own time, and may go away before the end: Falcon's test client sends all at once."""

import asyncio
import json
from types import SimpleNamespace

import falcon.testing


async def send(app, method, path, chunks, headers=None, *, cut=False):
    """Send the chunks of an asynchronous iterator as they come; with `cut` the connection ends instead of the body."""
    scope = falcon.testing.create_scope(path=path, method=method, headers=headers or {})
    iterator = aiter(chunks)
    answer = SimpleNamespace(status=None, headers={}, data=b"")
    gone = asyncio.Event()

    async def receive():
        try:
            return {"type": "http.request", "body": await anext(iterator), "more_body": True}
        except StopAsyncIteration:
            if gone.is_set():
                return {"type": "http.disconnect"}
            gone.set()
            return {"type": "http.disconnect"} if cut else {"type": "http.request", "body": b"", "more_body": False}

    async def take(event):
        if event["type"] == "http.response.start":
            answer.status, answer.headers = event["status"], {k.decode(): v.decode() for k, v in event["headers"]}
        else:
            answer.data += event.get("body", b"")

    await app(scope, receive, take)
    answer.json = json.loads(answer.data) if answer.data else None
    return answer


async def pieces(*data, pause=0.0, sleep=asyncio.sleep):
    """The pieces, each after a pause."""
    for piece in data:
        await sleep(pause)
        yield piece
