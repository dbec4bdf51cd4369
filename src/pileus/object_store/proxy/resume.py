"""A GET whose storage server goes away midway goes on with another: the client does not notice."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING

from pileus.core.log import Log
from pileus.object_store.proxy.ask import NODE, one
from pileus.object_store.proxy.place import Place
from pileus.object_store.wire.body import FileBody, close
from pileus.object_store.wire.message import Request, Response

if TYPE_CHECKING:
    from pileus.object_store.proxy.proxy import Proxy

log = Log("pileus.object_store.proxy")
RANGE = re.compile(r"bytes (\d+)-(\d+)/\d+")


def resumable(proxy: Proxy, req: Request, place: Place, headers: Mapping[str, str], answer: Response) -> Response:
    """The answer, with a body that does not end with the server that gives it. A file of this machine stays one."""
    if req.method == "GET" and answer.ok and not isinstance(answer.body, bytes | FileBody) and (piece := _piece(answer)) is not None:
        answer.body = Resuming(proxy, place, headers, answer, *piece)
    return answer


def _piece(answer: Response) -> tuple[int, int] | None:
    """The first byte and the one behind the last; None for several pieces."""
    if answer.status == 200 and answer.length is not None:
        return 0, answer.length
    found = RANGE.fullmatch(answer.header("content-range"))
    return (int(found[1]), int(found[2]) + 1) if answer.status == 206 and found else None


class Resuming:
    """A body, from `at` up to `end`, of the object of that very moment."""

    def __init__(self, proxy: Proxy, place: Place, headers: Mapping[str, str], answer: Response, at: int, end: int):
        self.proxy, self.place, self.at, self.end = proxy, place, at, end
        self.headers = {n: v for n, v in headers.items() if n.startswith("x-backend-")}
        self.moment, self.asked = answer.header("x-backend-data-timestamp"), [answer.facts[NODE]]
        self.body: AsyncIterator[bytes] = answer.body  # type: ignore[assignment]

    def __aiter__(self) -> Resuming:
        return self

    async def __anext__(self) -> bytes:
        while True:
            try:
                chunk = await anext(self.body)
            except (OSError, TimeoutError) as problem:
                log.warning("a body ended too soon", path=self.place.path, device=str(self.asked[-1].device), error=str(problem))
                self.proxy.health.failed(self.asked[-1].device)
                await close(self.body)
                if not await self._elsewhere():
                    raise
                continue
            self.at += len(chunk)
            return chunk

    async def _elsewhere(self) -> bool:
        """Whether somebody else goes on."""
        for node in self.proxy.nodes(self.place.ring, self.place.part, shuffle=True):
            if node in self.asked:
                continue
            self.asked.append(node)
            headers = self.headers | {"range": f"bytes={self.at}-{self.end - 1}"}
            answer = await one(self.proxy, "object", node, self.place.part, Request("GET", self.place.path), self.place.path, headers)
            if answer.status == 206 and answer.header("x-backend-data-timestamp") == self.moment:
                self.body = _stream(answer)
                return True
            await answer.close()
        return False

    async def aclose(self) -> None:
        await close(self.body)


async def _stream(answer: Response) -> AsyncIterator[bytes]:
    try:
        if isinstance(answer.body, bytes):
            yield answer.body
        else:
            async for chunk in answer.body:
                yield chunk
    finally:
        await answer.close()
