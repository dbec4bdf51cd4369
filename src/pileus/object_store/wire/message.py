"""Requests and answers of the object store, the same for clients, proxies, storage servers and daemons.

A handler is a coroutine function from a request to a response. Features of the pipeline, the proxy, storage servers and
transports all have this one shape, so that any of them can stand where another does.

Names of headers are in lower case; their values are text, read from UTF-8 with undecodable bytes escaped (surrogates).
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from pileus.core.context import Context
from pileus.object_store.wire.body import Body, close

Handler = Callable[["Request"], Awaitable["Response"]]
#: Says no (a response) or nothing. Asked by the proxy once it knows the access list of what is wanted.
Authorize = Callable[["Request"], Awaitable["Response | None"]]


#: Lets a request name what is the store's own (`model.names.RESERVED`). Clients cannot send it.
ALLOWS_RESERVED = "x-backend-allow-reserved-names"


def is_true(text: str) -> bool:
    """Whether a header or parameter says yes, in any of the words that Swift takes for it."""
    return text.strip().lower() in ("true", "1", "yes", "on", "t", "y")


@lru_cache(1024)                                     # one request is asked for its names a dozen times
def _split(path: str, least: int, most: int) -> tuple[str | None, ...]:
    parts = path.split("/", most)[1:]
    if len(parts) < least or not all(parts[:least]) or "" in parts[:-1]:
        raise ValueError(f"not a path of {least} to {most} parts: {path}")
    if parts[-1] == "":
        parts.pop()
    return (*parts, *[None] * (most - len(parts)))


class Request:
    """One request. Features may change it on its way in; whoever wants another one makes a `child`."""

    __slots__ = ("acl", "authorize", "body", "facts", "footers", "headers", "id", "method", "owner", "path", "query", "who")

    def __init__(self, method: str, path: str, headers: Mapping[str, str] | None = None, *, query: str = "",
                 body: AsyncIterator[bytes] | None = None, id: str = ""):
        self.method, self.path, self.query = method, path, query
        self.headers: dict[str, str] = dict(headers or {})
        self.body = body                                # None: there is none. The first read of it is the "100 Continue"
        self.id = id
        self.who: Context | None = None                 # who asks, as far as a feature proved it
        self.owner = False                              # whether the caller may do everything in this account
        self.acl: str | None = None                     # the access list that applies; set before `authorize` is called
        self.authorize: Authorize | None = None
        #: Metadata that is only known when the whole body has gone by; called once, then.
        self.footers: Callable[[], Mapping[str, str]] | None = None
        #: What features and the proxy tell each other about this request: keys are `feature.fact`.
        self.facts: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"<{self.method} {self.path}>"

    def header(self, name: str, default: str = "") -> str:
        return self.headers.get(name, default)

    @property
    def params(self) -> dict[str, str]:
        """The query's parameters; of those that come twice, the last."""
        return dict(parse_qsl(self.query, keep_blank_values=True, errors="surrogateescape")) if self.query else {}

    @params.setter
    def params(self, params: Mapping[str, str]) -> None:
        self.query = urlencode(params, errors="surrogateescape")

    @property
    def length(self) -> int | None:
        """The length that the caller announced; None when there is none, or it is no number."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isascii() and text.isdigit() else None

    def split(self, least: int = 2, most: int = 4) -> tuple[str | None, ...]:
        """Version, account, container, object of the path. Raises ValueError when there are fewer, or one is empty."""
        return _split(self.path, least, most)

    @property
    def names_object(self) -> bool:
        """Whether the path is an object's."""
        try:
            return self.split(2, 4)[3] is not None
        except ValueError:
            return False

    def child(self, method: str, path: str | None = None, headers: Mapping[str, str] | None = None, *, query: str = "",
              body: AsyncIterator[bytes] | None = None, source: str = "", trusted: bool = False) -> Request:
        """Another request on behalf of the same caller, with headers of its own.

        `source` is the feature that asks (for the log). `trusted`: the caller's rights have been looked at already.
        """
        made = Request(method, self.path if path is None else path, headers, query=query, body=body, id=self.id)
        made.who, made.owner, made.authorize = self.who, self.owner, None if trusted else self.authorize
        made.facts = dict(self.facts)
        if source:
            made.facts["source"] = source
        if trusted:
            made.facts["auth.trusted"] = True
        return made

    def url(self) -> str:
        """Path and query as they are written in a request line."""
        path = quote(self.path, errors="surrogateescape")
        return f"{path}?{self.query}" if self.query else path


class Response:
    """An answer. A body that is a stream is closed by whoever reads it; who throws a response away calls `close`."""

    __slots__ = ("body", "facts", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str] | None = None, body: Body = b""):
        self.status = status
        self.headers: dict[str, str] = dict(headers or {})
        self.body = body
        self.facts: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"<{self.status}>"

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def header(self, name: str, default: str = "") -> str:
        return self.headers.get(name, default)

    @property
    def length(self) -> int | None:
        """The length of the body, as far as it is known."""
        if isinstance(self.body, bytes) and (self.body or "content-length" not in self.headers):
            return len(self.body)
        text = self.headers.get("content-length", "")
        return int(text) if text.isdigit() else None

    async def read(self, most: int = 1 << 26) -> bytes:
        """The whole body. Raises ValueError when it is longer than `most`: only for bodies that are known to be small."""
        if isinstance(self.body, bytes):
            return self.body
        parts, size = [], 0
        try:
            async for chunk in self.body:
                parts.append(chunk)
                size += len(chunk)
                if size > most:
                    raise ValueError(f"a body of more than {most} bytes")
        finally:
            await close(self.body)
        return b"".join(parts)

    async def close(self) -> None:
        """Let go of the body without reading it."""
        await close(self.body)
        self.body = b""


class Stop(Exception):
    """Ends the handling of a request with an answer, from wherever it is noticed."""

    def __init__(self, response: Response):
        super().__init__(response.status)
        self.response = response
