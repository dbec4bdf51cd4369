"""Query strings: which parameters a list takes is data, with the microversions that know them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

import msgspec

from pileus.core.clock import parse_iso
from pileus.core.errors import Invalid
from pileus.core.http import Request, Route
from pileus.core.http.microversion import Range, Version

T = TypeVar("T")

#: A parameter that every version takes.
ALWAYS = Range()
#: The largest page.
MOST = 1000


class Parameters(msgspec.Struct, frozen=True):
    """The parameters of a request. Others are passed over before version `strict` and refused from it on."""

    known: Mapping[str, Range]
    strict: Version = (2, 75)

    def read(self, req: Request) -> dict[str, str]:
        """The last value of each parameter that the request's version knows. Raises Invalid for unknown ones."""
        found = {}
        for key, value in req.query.pairs:
            limits = self.known.get(key)
            if limits is not None and limits.first <= req.version <= limits.last:
                found[key] = value
            elif req.version >= self.strict:
                raise Invalid(f"Additional properties are not allowed ('{key}' was unexpected)")
        return found


#: For those that take none.
NOTHING = Parameters({}, strict=(2, 102))


def refusing(routes: Iterable[Route], known: Mapping[str, Parameters] | None = None) -> list[Route]:
    """The routes, of which those that read refuse parameters they do not know; `known` is by path, others take none."""
    return [_refusing(route, (known or {}).get(route.path, NOTHING)) if route.method == "GET" else route for route in routes]


def _refusing(route: Route, parameters: Parameters) -> Route:
    async def handler(req: Request, **path: str) -> Any:
        parameters.read(req)
        return await route.handler(req, **path)

    return msgspec.structs.replace(route, handler=handler)


def number(asked: Mapping[str, str], key: str, default: int) -> int:
    """A number that is not negative. Raises Invalid."""
    value = asked.get(key)
    if value is None:
        return default
    if not (value.isascii() and value.isdecimal()) or len(value) > 10:
        raise Invalid(f"Invalid input for query parameters {key}. Value: {value}. '{value}' does not match '^[0-9]*$'")
    return int(value)


class Asked(Protocol):
    """Parameters by name: of a request, or of `Parameters.read`."""

    def get(self, key: str, /) -> str | None: ...


def moment_of(asked: Asked, key: str) -> datetime | None:
    """A moment in ISO 8601. Raises Invalid."""
    if (text := asked.get(key)) is None:
        return None
    try:
        return parse_iso(text)
    except ValueError as problem:
        raise Invalid(f"Invalid input for query parameter {key}. Value: {text}. It is not a 'date-time'.") from problem


def changes(asked: Asked, *, before: bool) -> tuple[datetime | None, datetime | None]:
    """`changes-since` and, where the version has it, `changes-before`. Raises Invalid.

    Answers show moments to the second. Who asks for what changed until such a moment means all of that second.
    """
    first, last = moment_of(asked, "changes-since"), moment_of(asked, "changes-before") if before else None
    if first is not None and last is not None and last < first:
        raise Invalid("The value of changes-since must be less than or equal to changes-before.")
    return first, last + timedelta(seconds=1, microseconds=-1) if last is not None and not last.microsecond else last


def page_of(asked: Mapping[str, str], found: Sequence[T], id_of: Any) -> tuple[list[T], str | None]:
    """A page of an ordered list, and the marker of the next one when this one is full.

    For lists that an administrator or one user filled: they are short, so they are cut here and not in the database.
    Raises Invalid when the marker is none of them.
    """
    limit = min(number(asked, "limit", MOST), MOST)
    start = 0
    if marker := asked.get("marker"):
        places = [i for i, item in enumerate(found) if str(id_of(item)) == marker]
        if not places:
            raise Invalid(f"marker [{marker}] not found")
        start = places[0] + 1
    cut = list(found[start : start + limit])
    return cut, str(id_of(cut[-1])) if cut and len(cut) == limit else None


def next_links(req: Request, asked: Mapping[str, str], marker: str | None) -> list[dict[str, str]]:
    """`[{"rel": "next", …}]`, or nothing behind the last page."""
    if marker is None:
        return []
    return [{"rel": "next", "href": req.url(req.path, {**asked, "marker": marker})}]


def self_links(req: Request, collection: str, id: str) -> list[dict[str, str]]:
    """A resource's own address, with and without the API's version."""
    root = req.origin + req.path.partition("/v2.1")[0]
    return [{"rel": "self", "href": f"{root}/v2.1/{collection}/{id}"}, {"rel": "bookmark", "href": f"{root}/{collection}/{id}"}]
