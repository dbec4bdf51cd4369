"""What the bodies, queries and answers of placement share."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import uuid
from collections.abc import Set as AbstractSet
from datetime import datetime
from email.utils import format_datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta

from pileus.core.errors import Invalid
from pileus.core.http import Reply, Request
from pileus.core.http.microversion import Version
from pileus.placement.api.words import validating
from pileus.placement.errors import QueryBad
from pileus.placement.model import MAX_INT, NAME

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Label = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[A-Z0-9_]+$")]
Owner = Annotated[str, Meta(min_length=1, max_length=255)]
Uuid = Annotated[str, Meta(pattern=r"^[0-9a-fA-F-]{32,36}$")]
Amount = Annotated[int, Meta(ge=1, le=MAX_INT)]
Whole = Annotated[int, Meta(ge=0, le=MAX_INT)]
OneOfEach = tuple[frozenset[str], ...]


class Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Takes no fields but its own."""


def shown(req: Request, body: Any, *moments: datetime, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    """An answer; from 1.15 on with when the latest of what it shows was changed (now, when nothing says)."""
    fresh = {}
    if req.version >= (1, 15):
        latest = max(moments, default=None) or req.services.placement.kit.clock.now()
        fresh = {"last-modified": format_datetime(latest, usegmt=True), "cache-control": "no-cache"}
    return Reply(status, body, fresh | (headers or {}))


def demand(req: Request, body: msgspec.Struct, since: dict[str, Version]) -> None:
    """Raise Invalid when a field is missing at its version, or there before it."""
    for name, version in since.items():
        there = getattr(body, name) is not UNSET
        if there and req.version < version:
            raise Invalid(f"JSON does not validate: Additional properties are not allowed ('{name}' was unexpected)")
        if not there and req.version >= version:
            raise Invalid("JSON does not validate: " + validating(f"'{name}' is a required property", "required"))


def as_uuid(text: str, what: str = "uuid") -> str:
    """The UUID of a body in its canonical form. Raises Invalid."""
    try:
        return str(uuid.UUID(text))
    except ValueError as problem:
        raise Invalid("JSON does not validate: " + validating(f"{text!r} is not a 'uuid' ({what})", "format")) from problem


def only(req: Request, known: dict[str, Version]) -> None:
    """Raise Invalid for a query parameter that the route does not know at this version."""
    for key in req.query:
        if key not in known or req.version < known[key]:
            raise Invalid(f"Invalid query string parameters: Additional properties are not allowed ('{key}' was unexpected)")


def query_uuid(text: str | None, key: str) -> str | None:
    if text is None:
        return None
    try:
        return str(uuid.UUID(text.strip()))
    except ValueError as problem:
        raise Invalid(f"Invalid query string parameters: Expected '{key}' parameter to be a format of uuid. Got: {text}") from problem


def resources(text: str) -> dict[str, int]:
    """`VCPU:1,MEMORY_MB:512`. Raises Invalid."""
    found: dict[str, int] = {}
    for item in text.split(","):
        name, colon, amount = item.partition(":")
        amount = amount.strip()
        if not colon or not NAME.match(name):
            raise Invalid("Badly formed resources parameter. Expected resources query string parameter in form: "
                          f"?resources=VCPU:2,MEMORY_MB:1024. Got: {item if text else 'empty string'}.")
        if not amount.lstrip("-").isdecimal():
            raise Invalid(f"Requested resource {name} expected positive integer amount. Got: {amount}.")
        if int(amount) < 1:
            raise Invalid(f"Requested resource {name} requires amount >= 1. Got: {amount}.")
        found[name] = int(amount)
    return found


def member_of(req: Request, suffix: str = "") -> tuple[OneOfEach, frozenset[str]]:
    """`member_of=in:a,b`, `member_of=!c`: (one of each, none of). Raises Invalid."""
    key = f"member_of{suffix}"
    values, wanted, unwanted = req.query.all(key), [], set()
    if len(values) > 1 and req.version < (1, 24):
        raise Invalid(f"Multiple {key} parameters are not supported")
    for value in values:
        bare = value.removeprefix("!")
        if "," in bare and not bare.startswith("in:"):
            raise Invalid("Multiple values for 'member_of' must be prefixed with the 'in:' or '!in:' keyword using the valid microversion. "
                          f"Got: {value}")
        ids = [_aggregate(v) for v in bare.removeprefix("in:").split(",")]
        if bare == value:
            wanted.append(frozenset(ids))
        elif req.version < (1, 32):
            raise Invalid(f"Forbidden {key} parameters are not supported in the specified microversion")
        else:
            unwanted |= set(ids)
    return tuple(wanted), frozenset(unwanted)


def _aggregate(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError as problem:
        raise Invalid(f"Invalid query string parameters: Expected 'member_of' parameter to contain valid UUID(s). Got: {text}") from problem


def traits(req: Request, suffix: str = "") -> tuple[OneOfEach, frozenset[str]]:
    """`required=A,!B`, `required=in:C,D`: (one of each, none of). Raises Invalid."""
    values = req.query.all(f"required{suffix}")
    wanted: list[frozenset[str]] = []
    unwanted: set[str] = set()
    for value in values if req.version >= (1, 39) else values[-1:]:      # before 1.39 the last one wins
        if value.startswith("in:"):
            wanted.append(_any_of(value, req))
        else:
            plain, refused = all_of(value, req)
            wanted += [frozenset({name}) for name in plain]
            unwanted |= refused
    if clash := sorted(" or ".join(sorted(any_of)) for any_of in wanted if any_of <= unwanted):
        raise QueryBad("Conflicting required and forbidden traits found in the following traits keys: "
                       f"required{suffix}: ({', '.join(clash)})")
    return tuple(wanted), frozenset(unwanted)


def _any_of(value: str, req: Request) -> frozenset[str]:
    names = [name.strip() for name in value[3:].split(",")]
    if req.version < (1, 39):
        raise Invalid("Invalid query string parameters: The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' only supported since microversion "
                      f"1.39. Got: {value}")
    if not all(names):
        raise Invalid("Invalid query string parameters: Expected 'required' parameter value of the form: in:HW_CPU_X86_VMX,CUSTOM_MAGIC. "
                      f"Got an empty trait in: {value}")
    if any(name.startswith("!") for name in names):
        raise Invalid("Invalid query string parameters: The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' does not support forbidden traits. "
                      f"Got: {value}")
    return frozenset(names)


def all_of(value: str, req: Request) -> tuple[list[str], set[str]]:
    """(wanted, unwanted) of a list with `!`."""
    knows_forbidden = req.version >= (1, 22)
    form = ("Invalid query string parameters: Expected 'required' parameter value of the form: "
            f"HW_CPU_X86_VMX,{'!' if knows_forbidden else ''}CUSTOM_MAGIC.")
    wanted, unwanted = [], set()
    for name in (part.strip() for part in value.split(",")):
        if not name.lstrip("!"):
            raise Invalid(f"{form} Got an empty trait in: {value}")
        if not name.startswith("!"):
            wanted.append(name)
        elif knows_forbidden:
            unwanted.add(name.lstrip("!"))
        else:
            raise Invalid(f"{form} Got: {value}")
    return wanted, unwanted


async def check_names(req: Request, traits: AbstractSet[str], classes: AbstractSet[str]) -> None:
    """Raise Invalid for a trait or a class of a query that nobody made."""
    missing = [name for name in sorted(traits) if not await req.services.placement.trait_exists(name)]
    if missing:
        raise Invalid(f"No such trait(s): {', '.join(missing)}.")
    for name in sorted(classes):
        if not await req.services.placement.class_exists(name):
            raise Invalid(f"Invalid resource class in resources parameter: No such resource class {name}.")
