"""A client that speaks ASGI to the application, in its own time, and may go away before the end.

Falcon's test client sends all at once, hangs up before it has listened, and starts the application anew for each request.
"""

import asyncio
from types import SimpleNamespace

import falcon.testing


async def send(app, method, path, chunks, headers=None, *, query="", cut=False, scope=None):
    """Send the chunks of an asynchronous iterator as they come; with `cut` the connection ends instead of the body.

    Returns the answer's `status`, `headers` (names in lower case) and `data`."""
    scope = scope or falcon.testing.create_scope(path=path, method=method, query_string=query, headers=headers or {})
    scope["headers"] = [tuple(pair) for pair in scope["headers"]]       # as servers have it; Falcon's can be gone through once only
    iterator, ended = aiter(chunks), False
    answer = SimpleNamespace(status=None, headers={}, data=b"")

    async def receive():
        nonlocal ended
        if ended and not cut:
            await asyncio.get_running_loop().create_future()       # the client listens and says no more
        try:
            return {"type": "http.request", "body": await anext(iterator), "more_body": True}
        except StopAsyncIteration:
            ended = True
            return {"type": "http.disconnect"} if cut else {"type": "http.request", "body": b"", "more_body": False}

    async def take(event):
        if event["type"] == "http.response.start":
            answer.status, answer.headers = event["status"], {k.decode(): v.decode("utf-8", "surrogateescape") for k, v in event["headers"]}
        elif method != "HEAD":
            answer.data += event.get("body", b"")

    await app(scope, receive, take)
    return answer


async def pieces(*data, pause=0.0, sleep=asyncio.sleep):
    """The pieces, each after a pause."""
    for piece in data:
        if pause:
            await sleep(pause)
        yield piece
