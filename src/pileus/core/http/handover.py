"""Files that the server sends by itself: no byte of them comes through Python.

Falcon knows bodies and streams only. So a file is a stream of one piece that is no bytes (`File`), and what Falcon sends is
watched for it. A file that is gone when the server opens it is answered as not found.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import falcon.asgi
import msgspec

#: The server's offer.
PATHSEND = "http.response.pathsend"


class File(msgspec.Struct, frozen=True):
    path: Path


class App(falcon.asgi.App):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:      # type: ignore[override]
        await super().__call__(scope, receive, _watched(send) if offered(scope) else send)


def offered(scope: Any) -> bool:
    """Whether the server takes files for the answer to this request."""
    return scope["type"] == "http" and scope["method"] == "GET" and PATHSEND in (scope.get("extensions") or ())


async def as_stream(path: Path) -> AsyncGenerator[Any, None]:
    yield File(path)


def _watched(send: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    handed = False

    async def sent(event: Any) -> None:
        nonlocal handed
        if isinstance(file := event.get("body"), File):
            handed = True
            await send({"type": PATHSEND, "path": str(file.path)})
        elif not handed:
            await send(event)

    return sent
