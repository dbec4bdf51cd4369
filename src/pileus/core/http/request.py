"""What a handler sees of a request."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import falcon.asgi

from pileus.core.context import Context
from pileus.core.errors import Invalid
from pileus.core.http.handover import offered

if TYPE_CHECKING:
    from pileus.core.http.microversion import Version
    from pileus.core.http.route import Api
    from pileus.core.policy import Policy

#: Bytes of a body that are certain to have come with its head, or nearly so.
DRAINED = 16 << 10
TRUE, FALSE = frozenset({"1", "t", "true", "on", "y", "yes"}), frozenset({"0", "f", "false", "off", "n", "no"})


class Disconnected(Invalid):
    code, message = "http.disconnected", "The connection was closed before the whole request had come."


class FalconRequest(falcon.asgi.Request):
    """Falcon's request, which remembers that the client went away: to its stream that is the end of the body like any other."""

    __slots__ = ("disconnected", "events")

    def __init__(self, scope: Any, receive: Any, first_event: Any = None, options: Any = None):
        self.disconnected = False

        async def noticed() -> Any:
            event = await receive()
            if event["type"] == "http.disconnect":
                self.disconnected = True
            return event

        self.events = noticed
        super().__init__(scope, noticed, first_event=first_event, options=options)

    async def gone(self) -> None:
        """Return when the client went away."""
        while not self.disconnected:
            await self.events()


class Query:
    """The query string, in order, keys as often as they come."""

    def __init__(self, raw: str):
        self.pairs: list[tuple[str, str]] = parse_qsl(raw, keep_blank_values=True) if raw else []

    def __contains__(self, key: str) -> bool:
        return any(k == key for k, _ in self.pairs)

    def __iter__(self):
        return iter(dict.fromkeys(k for k, _ in self.pairs))

    def get(self, key: str, default: str | None = None) -> str | None:
        """The last value of a key."""
        found = default
        for k, v in self.pairs:
            if k == key:
                found = v
        return found

    def all(self, key: str) -> list[str]:
        return [v for k, v in self.pairs if k == key]

    def flag(self, key: str, default: bool | None = None) -> bool | None:
        """A boolean, in any spelling OpenStack takes. Raises Invalid for another."""
        value = self.get(key)
        if value is None:
            return default
        if value.lower() in TRUE:
            return True
        if value.lower() in FALSE:
            return False
        raise Invalid(f"Invalid value for the boolean query parameter '{key}': {value!r}.")

    def integer(self, key: str, default: int | None = None, *, low: int = 0) -> int | None:
        value = self.get(key)
        if value is None:
            return default
        if not value.lstrip("-").isdecimal() or int(value) < low:
            raise Invalid(f"Invalid value for the query parameter '{key}': {value!r} is not an integer of at least {low}.")
        return int(value)


class Request:
    """One request, as far as handlers are concerned. `services` is the cloud's services; `who` is the verified caller."""

    __slots__ = ("_query", "api", "falcon", "found", "id", "known", "params", "policy", "raw", "route", "services", "version", "who")

    def __init__(self, falcon: FalconRequest, services: Any, request_id: str, policy: Policy, api: Api):
        self.api = api                                 # of which service it is
        self.falcon, self.services, self.id, self.policy = falcon, services, request_id, policy
        self.who: Context = Context(request_id=request_id)
        self.version: Version = (0, 0)
        self.params: dict[str, str] = {}
        self.route: Any = None
        self.raw = b""                                 # the body as it came, for errors that quote it
        self.found: Any = None                         # what the route's `target` looked up, so that the handler need not
        self.known: dict[Any, Any] = {}                # what was found out once for all that the answer has
        self._query: Query | None = None

    @property
    def query(self) -> Query:
        if self._query is None:
            self._query = Query(self.falcon.query_string)
        return self._query

    @property
    def method(self) -> str:
        return self.falcon.method

    @property
    def path(self) -> str:
        return self.falcon.path

    @property
    async def stream(self) -> AsyncIterator[bytes]:
        """The body's bytes in chunks. Raises Disconnected when the client goes away before the end."""
        async for chunk in self.falcon.stream:
            yield chunk
        if self.falcon.disconnected:
            raise Disconnected()

    @property
    def unread(self) -> bool:
        """Whether more of a body is on its way than a server reads for nothing: then it hangs up after its answer, and says so."""
        length = self.header("content-length") or ""
        coming = int(length) > DRAINED if length.isdecimal() else self.header("transfer-encoding") is not None
        return coming and not self.falcon.stream.eof

    @property
    def sends_files(self) -> bool:
        """Whether the server can send a file by itself as the answer."""
        return offered(self.falcon.scope)

    def enforce(self, rule: str, target: Mapping[str, Any] | None = None) -> None:
        """Enforce one more rule, against the caller's own project unless a target is given. Raises PolicyForbids."""
        self.policy.enforce(rule, self.who, target if target is not None else self._own())

    def allows(self, rule: str, target: Mapping[str, Any] | None = None) -> bool:
        return self.policy.check(rule, self.who, target if target is not None else self._own())

    def _own(self) -> Mapping[str, Any]:
        return {"project_id": self.who.project_id, "user_id": self.who.user_id, "domain_id": self.who.domain_id}

    def header(self, name: str, default: str | None = None) -> str | None:
        return self.falcon.get_header(name, default=default)

    @property
    def headers(self) -> dict[str, str]:
        """All of them, names in lower case."""
        return {name.lower(): value for name, value in self.falcon.headers.items()}

    @property
    def origin(self) -> str:
        """scheme://host:port as the client sees it."""
        return f"{self.falcon.forwarded_scheme}://{self.falcon.forwarded_host}"

    def url(self, path: str, query: Mapping[str, str] | Sequence[tuple[str, str]] | None = None) -> str:
        return self.origin + path + ("?" + urlencode(query) if query else "")
