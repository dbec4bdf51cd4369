"""Metadata behind a body, over HTTP: what is only known when all of a body has gone by travels as its last block.

The block has a fixed length, so that whoever receives it knows what to hold back without knowing where the body ends.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping

import msgspec

from pileus.object_store.wire.message import Handler, Request, Response

HEADER = "x-backend-footers"
SIZE = 16_384


async def appended(body: AsyncIterator[bytes], footers: Callable[[], Mapping[str, str]]) -> AsyncIterator[bytes]:
    """A body with its footers behind it. Raises ValueError when they do not fit."""
    async for chunk in body:
        yield chunk
    block = msgspec.json.encode(dict(footers()))
    if len(block) > SIZE:
        raise ValueError(f"footers of {len(block)} bytes")
    yield block.ljust(SIZE)


class Split:
    """A body without the footers that came behind it; they are known when it has been read."""

    def __init__(self, body: AsyncIterator[bytes]):
        self.body, self.held = body, b""

    def __aiter__(self) -> Split:
        return self

    async def __anext__(self) -> bytes:
        async for chunk in self.body:
            self.held += chunk
            if len(self.held) > SIZE:
                ready, self.held = self.held[:-SIZE], self.held[-SIZE:]
                return ready
        raise StopAsyncIteration

    def footers(self) -> Mapping[str, str]:
        return msgspec.json.decode(self.held, type=dict[str, str])


def received(handler: Handler) -> Handler:
    """A handler that gets footers as `req.footers`, as if it had been called in the same process."""
    async def handle(req: Request) -> Response:
        if req.headers.pop(HEADER, "") and req.body is not None:
            split = Split(req.body)
            req.body, req.footers = split, split.footers
            if (length := req.length) is not None:
                req.headers["content-length"] = str(max(0, length - SIZE))
        return await handler(req)

    return handle
