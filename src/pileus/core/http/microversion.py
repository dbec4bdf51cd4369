"""Microversions: handlers know only the newest one; an older one is a converter in a list.

`CHANGES` says for each version what it brought: how to bring an older request up (`request`), how to show a newer answer to
an older client (`response`). Fields that merely appear or vanish at a version are annotated on the body's Struct:
`tags: Annotated[list[str], since(2, 52)] = []`; sending them outside their range is the error for an unknown field.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import types
import typing
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from pileus.core.errors import Invalid, NotAcceptable

Version = tuple[int, int]


class Range(msgspec.Struct, frozen=True):
    """From which version to which version (both inclusive) a field exists."""

    first: Version = (0, 0)
    last: Version = (999, 999)


def since(major: int, minor: int) -> Any:
    return Range(first=(major, minor))


def until(major: int, minor: int) -> Any:
    return Range(last=(major, minor))


class VersionNotSupported(NotAcceptable):
    code, message = "version.not_supported", "Version {wanted} is not supported by the API. Minimum is {low} and maximum is {high}."


class VersionInvalid(Invalid):
    code, message = "version.invalid", "API Version String {wanted} is of invalid format. Must be of format MajorNum.MinorNum."


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What `version` brought to the routes named by their policies (`on`; empty: to all).

    `request` brings an older request up, `response` shows the newest answer to an older client, `retire` takes away, from
    `version` on, what only older clients may still see (the handler answers with it always). Each gets `(body, req)` and
    returns the JSON value (plain dicts and lists).
    """

    version: Version
    title: str
    on: frozenset[str] = frozenset()
    request: Callable[[Any, Any], Any] | None = None
    response: Callable[[Any, Any], Any] | None = None
    retire: Callable[[Any, Any], Any] | None = None


class Microversions:
    """A service's range, headers and changes (oldest first)."""

    def __init__(self, service: str, low: Version, high: Version, changes: list[Change], *,
                 default: Version | None = None, legacy_header: str | None = None):
        self.service, self.low, self.high, self.changes = service, low, high, changes
        self.default = default or low
        self.legacy_header = legacy_header

    def negotiate(self, header: str | None, legacy: str | None) -> Version:
        """The version to serve. Raises VersionInvalid (400) or VersionNotSupported (406)."""
        wanted = None
        for part in (header or "").split(","):
            words = part.split()
            if len(words) == 2 and words[0].lower() == self.service:
                wanted = words[1]
        wanted = wanted or (legacy.strip() if legacy else None)
        if wanted is None:
            return self.default
        if wanted == "latest":
            return self.high
        major, dot, minor = wanted.partition(".")
        if not dot or any(not n.isdecimal() or (len(n) > 1 and n[0] == "0") for n in (major, minor)):
            raise VersionInvalid(wanted=wanted)
        version = (int(major), int(minor))
        if not self.low <= version <= self.high:
            raise VersionNotSupported(wanted=wanted, low=show(self.low), high=show(self.high))
        return version

    @lru_cache(maxsize=4096)                           # noqa: B019 one instance per service, for the life of the process
    def newer(self, version: Version, policy: str | None) -> tuple[Change, ...]:
        """The changes an answer at `version` has to do without."""
        return tuple(c for c in self.changes if c.version > version and (not c.on or policy in c.on))

    @lru_cache(maxsize=4096)                           # noqa: B019 as above
    def retired(self, version: Version, policy: str | None) -> tuple[Change, ...]:
        """The changes that take something away from an answer at `version`."""
        return tuple(c for c in self.changes if c.version <= version and c.retire is not None and (not c.on or policy in c.on))

    @lru_cache(maxsize=4096)                           # noqa: B019 as above
    def converts(self, version: Version, policy: str | None) -> bool:
        """Whether an answer at `version` differs from what the handler gives."""
        return bool(self.retired(version, policy)) or any(c.response is not None for c in self.newer(version, policy))

    def to_latest(self, version: Version, policy: str | None, body: Any, req: Any) -> Any:
        for change in self.newer(version, policy):
            if change.request is not None:
                body = change.request(body, req)
        return body

    def as_of(self, version: Version, policy: str | None, body: Any, req: Any) -> Any:
        for change in reversed(self.newer(version, policy)):
            if change.response is not None:
                body = change.response(body, req)
        for change in self.retired(version, policy):
            if change.retire is not None:
                body = change.retire(body, req)
        return body


def show(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


def without(*keys: str, under: str | None = None) -> Callable[[Any, Any], Any]:
    """A response converter that removes keys from the object, or each object of the list, below `under`."""

    def convert(body: Any, req: Any) -> Any:
        found = body.get(under) if under is not None and isinstance(body, dict) else body
        for item in found if isinstance(found, list) else [found]:
            if isinstance(item, dict):
                for key in keys:
                    item.pop(key, None)
        return body

    return convert


@lru_cache(maxsize=1024)
def ranged(kind: Any) -> tuple[tuple[str, Range | None, Any], ...]:
    """(JSON name, range, type) of each field of a Struct that has a range or leads to one; () when none does."""
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return ()
    hints = typing.get_type_hints(kind, include_extras=True)
    found = []
    for field in msgspec.structs.fields(kind):
        hint = hints[field.name]
        limit = next((m for m in getattr(hint, "__metadata__", ()) if isinstance(m, Range)), None)
        inner = tuple(s for s in _structs(hint) if s is not kind and ranged(s))
        if limit is not None or inner:
            found.append((field.encode_name, limit, inner))
    return tuple(found)


def _structs(hint: Any) -> list[type]:
    if isinstance(hint, type) and not isinstance(hint, types.GenericAlias):
        return [hint] if issubclass(hint, msgspec.Struct) else []
    if typing.get_origin(hint) is typing.Annotated:
        return _structs(typing.get_args(hint)[0])
    return [s for arg in typing.get_args(hint) for s in _structs(arg)]


def refuse_foreign_fields(kind: Any, value: Any, version: Version) -> None:
    """Raise Invalid when `value` (decoded JSON for a `kind`) has a field that does not exist at `version`."""
    if isinstance(value, list):
        for item in value:
            refuse_foreign_fields(kind, item, version)
    if not isinstance(value, dict):
        return
    for name, limit, inner in ranged(kind):
        if name not in value:
            continue
        if limit is not None and not limit.first <= version <= limit.last:
            raise Invalid(f"Additional properties are not allowed ('{name}' was unexpected)")
        for sub in inner:
            refuse_foreign_fields(sub, value[name], version)


@lru_cache(maxsize=1024)
def vanishing(kind: Any) -> bool:
    """Whether a Struct has a field that a newer version no longer takes."""
    forever = Range().last
    return any((limit is not None and limit.last != forever) or any(map(vanishing, inner)) for _, limit, inner in ranged(kind))
