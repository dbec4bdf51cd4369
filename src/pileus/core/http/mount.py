"""Several ASGI applications behind one port: the route tables, and those that speak ASGI by themselves."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


class Mounts:
    """The first application whose condition holds for a request answers it; `default` answers the rest."""

    def __init__(self, default: Any, mounts: Sequence[tuple[Callable[[dict], bool], Any]]):
        self.default, self.mounts = default, mounts

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            if not isinstance(scope["headers"], list):
                # An iterator would be empty for whoever comes next.
                scope = {**scope, "headers": [tuple(pair) for pair in scope["headers"]]}
            for holds, app in self.mounts:
                if holds(scope):
                    await app(scope, receive, send)
                    return
        await self.default(scope, receive, send)
