"""GET and HEAD of /v3/auth/tokens, asked again: the answer as it was, as long as nothing has changed.

Services outside validate the same tokens over and over, so this is the busiest request there is. What its answer depends on
is in the request (the two tokens, the query, whether access rules are understood), in two numbers in the database that every
change raises, and in time: an answer that was given is given again to the same request until a number has changed or a token
has expired. Whatever is out of the ordinary takes the ordinary way, and only that way makes answers.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import msgspec

from pileus.core.ids import Ids
from pileus.core.metrics import Metrics
from pileus.identity.service import Identity
from pileus.identity.service.generations import CATALOG, TOKENS
from pileus.identity.service.tokens import Verified

PATH = "/identity/v3/auth/tokens"
QUERIES = (b"", b"nocatalog")
REQUEST_ID = b"x-openstack-request-id"
#: Octets of all answers that are kept, and what one takes beside its body.
MOST, OVERHEAD = 16 << 20, 2048

App = Callable[[dict, Any, Any], Awaitable[None]]
#: Method, query, the token of who asks, the token that is asked about, whether access rules are understood.
Asked = tuple[str, bytes, bytes, bytes, bytes]


class Answer(msgspec.Struct, frozen=True):
    generations: tuple[int, int]
    ends: datetime
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Validations:
    """An ASGI application before another one, whose answers it gives again."""

    def __init__(self, app: App, identity: Identity, ids: Ids, metrics: Metrics):
        self.app, self.identity, self.ids, self.metrics = app, identity, ids, metrics
        self.generations, self.clock = identity.core.generations, identity.core.clock
        self.answers: dict[Asked, Answer] = {}
        self.size = 0

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        asked = what_is_asked(scope) if scope.get("path") == PATH else None
        if asked is None:
            return await self.app(scope, receive, send)
        began = self.clock.monotonic()
        known = await self.generations.current(TOKENS), await self.generations.current(CATALOG)
        found = self.answers.get(asked)
        if found is None or found.generations != known or found.ends <= self.clock.now():
            return await self._ask(asked, known, scope, receive, send)
        headers = [*found.headers, (REQUEST_ID, self.ids.request().encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": found.body})
        self.metrics.request("identity", asked[0], 200, self.clock.monotonic() - began)

    async def _ask(self, asked: Asked, known: tuple[int, int], scope: dict, receive: Any, send: Any) -> None:
        """The ordinary way, and keep what it says. `known`: the generations read before."""
        self._forget(asked)
        said: list[dict] = []

        async def heard(event: dict) -> None:
            said.append(event)
            await send(event)

        await self.app(scope, receive, heard)
        tokens = [self.identity.tokens.cache.get(token.decode("latin-1")) for token in asked[2:4]]
        if len(said) == 2 and said[0]["status"] == 200 and None not in tokens and not _is_bound(tokens[0]):
            ends = min(verified.payload.expires_at for verified in tokens if verified is not None)
            headers = [(name, value) for name, value in said[0]["headers"] if name != REQUEST_ID]
            self._keep(asked, Answer(known, ends, headers, said[1].get("body", b"")))

    def _keep(self, asked: Asked, answer: Answer) -> None:
        self.size += OVERHEAD + len(answer.body)
        self.answers[asked] = answer
        while self.size > MOST:
            self._forget(next(iter(self.answers)))

    def _forget(self, asked: Asked) -> None:
        if (answer := self.answers.pop(asked, None)) is not None:
            self.size -= OVERHEAD + len(answer.body)


def _is_bound(verified: Verified | None) -> bool:
    """Whether who asks must show a certificate: every time, so their answers are not for who comes next."""
    return verified is not None and verified.payload.thumbprint is not None


def what_is_asked(scope: dict) -> Asked | None:
    """None for what is out of the ordinary: other methods and queries, services' tokens, headers that come twice."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or scope["query_string"] not in QUERIES:
        return None
    auth = subject = rules = b""
    for name, value in scope["headers"]:
        if name == b"x-auth-token":
            if auth:
                return None
            auth = value
        elif name == b"x-subject-token":
            if subject:
                return None
            subject = value
        elif name == b"openstack-identity-access-rules":
            rules += value or b" "
        elif name == b"x-service-token":
            return None
    return (scope["method"], scope["query_string"], auth, subject, rules) if auth and subject else None
