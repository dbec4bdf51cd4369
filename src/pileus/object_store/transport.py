"""The way to a storage server: a call when it is in this process, HTTP when it is not. Nobody above can tell.

Raises OSError when nobody answers (ConnectionError and TimeoutError are among them).
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from pileus.object_store.wire.client import Client
from pileus.object_store.wire.message import Handler, Request, Response

Address = tuple[str, int]
#: Sends a request to the server at an address. The request is the server's from then on: it may change its headers.
Transport = Callable[[Address, Request], Awaitable[Response]]


def address(text: str) -> Address:
    """`host:port`"""
    host, _, port = text.rpartition(":")
    return host, int(port)


class Network:
    """Servers of this process by address; all others over HTTP."""

    def __init__(self, local: Mapping[Address, Handler], client: Client):
        self.local, self.client = local, client

    def __call__(self, to: Address, req: Request) -> Awaitable[Response]:
        handler = self.local.get(to)
        return handler(req) if handler is not None else self.client.send(to, req)

    async def close(self) -> None:
        await self.client.close()
