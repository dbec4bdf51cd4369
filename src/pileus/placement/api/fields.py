"""Parts that the bodies and queries of placement share."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
import uuid
from typing import Annotated

import msgspec
from msgspec import Meta

from pileus.core.errors import Invalid
from pileus.core.http import Request
from pileus.placement.model import MAX_INT

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Label = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[A-Z0-9_]+$")]
Owner = Annotated[str, Meta(min_length=1, max_length=255)]
Amount = Annotated[int, Meta(ge=1, le=MAX_INT)]
Whole = Annotated[int, Meta(ge=0, le=MAX_INT)]


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """Takes no fields but its own."""


def as_uuid(text: str, what: str = "uuid") -> str:
    """The UUID in its canonical form. Raises Invalid."""
    try:
        return str(uuid.UUID(text))
    except (ValueError, AttributeError) as problem:
        raise Invalid(f"JSON does not validate: {text!r} is not a 'uuid' ({what})") from problem


def resources(text: str) -> dict[str, int]:
    """`VCPU:1,MEMORY_MB:512`. Raises Invalid."""
    found: dict[str, int] = {}
    for item in text.split(","):
        name, _, amount = item.partition(":")
        if not re.fullmatch(r"[A-Z0-9_]+", name) or not amount.isdecimal() or int(amount) < 1:
            raise Invalid(f"Badly formed resources parameter. Expected resources query string parameter in form: ?resources=VCPU:2,MEMORY_MB:1024. Got: {text}.")
        found[name] = int(amount)
    return found


def member_of(values: list[str], req: Request) -> tuple[tuple[frozenset[str], ...], frozenset[str]]:
    """`member_of=in:a,b`, `member_of=!c`: (one of each, none of). Raises Invalid."""
    wanted, unwanted = [], set()
    if len(values) > 1 and req.version < (1, 24):
        raise Invalid("Multiple member_of parameters are not supported")
    for value in values:
        negated = value.startswith("!")
        if negated and req.version < (1, 32):
            raise Invalid("Forbidden member_of parameters are not supported in the specified microversion")
        value = value.removeprefix("!")
        ids = [as_uuid(v, "member_of") for v in (value[3:].split(",") if value.startswith("in:") else [value])]
        if negated:
            unwanted |= set(ids)
        else:
            wanted.append(frozenset(ids))
    return tuple(wanted), frozenset(unwanted)


def traits(values: list[str], req: Request) -> tuple[tuple[frozenset[str], ...], frozenset[str]]:
    """`required=A,!B`, `required=in:C,D`: (one of each, none of). Raises Invalid."""
    wanted, unwanted = [], set()
    if len(values) > 1 and req.version < (1, 39):
        values = values[-1:]
    for value in values:
        if value.startswith("in:"):
            if req.version < (1, 39):
                raise Invalid(f"The format 'in:' of the required parameter needs microversion 1.39: {value}")
            wanted.append(frozenset(_names(value[3:])))
            continue
        for name in value.split(","):
            if name.startswith("!"):
                if req.version < (1, 22):
                    raise Invalid(f"Invalid query string parameters: Expected 'required' parameter value of the form: HW_CPU_X86_VMX,CUSTOM_MAGIC. Got: {value}")
                unwanted |= set(_names(name[1:]))
            else:
                wanted.append(frozenset(_names(name)))
    return tuple(wanted), frozenset(unwanted)


def _names(text: str) -> list[str]:
    names = text.split(",")
    if not all(names):
        raise Invalid(f"Invalid query string parameters: Expected 'required' parameter value of the form: HW_CPU_X86_VMX,CUSTOM_MAGIC. Got: {text!r}")
    return names


def only(req: Request, *known: str) -> None:
    """Raise Invalid for a query parameter that the route does not know."""
    for key in req.query:
        if key not in known:
            raise Invalid(f"Invalid query string parameters: Additional properties are not allowed ('{key}' was unexpected)")
