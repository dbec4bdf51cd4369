"""The query string of a list of images."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from pileus.core.clock import parse_iso
from pileus.core.errors import Invalid
from pileus.core.http import Request
from pileus.core.http.request import FALSE, TRUE
from pileus.image.model import ACCEPTED, MEMBER_STATUSES, VISIBILITIES, Condition, Operator, Wanted

TEXTS = ("id", "name", "status", "owner", "disk_format", "container_format", "checksum", "os_hash_algo", "os_hash_value")
NUMBERS = ("size", "min_disk", "min_ram", "virtual_size")
FLAGS = ("protected", "os_hidden")
TIMES = ("created_at", "updated_at")
MANY = ("id", "name", "status", "disk_format", "container_format")
SORT_KEYS = ("name", "status", "container_format", "disk_format", "size", "id", "created_at", "updated_at")
COMPARISONS: dict[str, Operator] = {"eq": "eq", "neq": "neq", "lt": "lt", "lte": "lte", "gt": "gt", "gte": "gte"}
PAGING = ("limit", "marker", "sort", "sort_key", "sort_dir")
#: Of images that were deleted nothing is listed, whatever is asked for.
IGNORED = (*PAGING, "tag", "visibility", "member_status", "deleted")
DEFAULT_LIMIT, MOST = 25, 1000
NUMBER = re.compile(r"-?[0-9]{1,20}")
BIGGEST = 1 << 62


def wanted(req: Request) -> Wanted:
    """What is asked for, without the marker. Raises Invalid."""
    query = req.query
    conditions: list[Condition] = []
    properties: list[tuple[str, str]] = []
    for name, value in query.pairs:
        if "\0" in value:
            raise Invalid(f"Invalid value for the filter '{name}'.")
        if name in IGNORED:
            continue
        condition = _condition(name, value)
        if condition is None:
            properties.append((name, value))
        else:
            conditions.append(condition)
    if "os_hidden" not in query:
        conditions.append(Condition("os_hidden", "eq", False))
    limit = query.integer("limit")
    return Wanted(conditions=tuple(conditions), tags=tuple(query.all("tag")), properties=tuple(properties),
                  visibility=_one_of("visibility", query.get("visibility"), (*VISIBILITIES, "all")),
                  member_status=_member_status(query.get("member_status")), sort=_sort(req),
                  limit=DEFAULT_LIMIT if limit is None else min(limit, MOST))


def _condition(name: str, value: str) -> Condition | None:
    """The comparison that a parameter is; None for a custom property."""
    if name in TEXTS:
        operator, rest = _operator(name, value, MANY)
        found: Any = tuple(_listed(rest)) if operator == "in" else rest
        return Condition(name, operator, found)
    if name in ("size_min", "size_max"):
        return Condition("size", "gte" if name == "size_min" else "lte", _number(name, value))
    if name in NUMBERS:
        # What is no number no image has.
        return Condition(name, "eq", _number(name, value)) if NUMBER.fullmatch(value) else Condition(name, "in", ())
    if name in FLAGS:
        return Condition(name, "eq", _flag(name, value))
    if name in TIMES:
        operator, rest = _operator(name, value, ())
        return Condition(name, operator, _moment(name, rest))
    return None


def _operator(name: str, value: str, many: tuple[str, ...]) -> tuple[Operator, str]:
    """`gt:2026-01-01T00:00:00Z` → what to compare how. Text is compared for equality or, where allowed, with a list."""
    word, colon, rest = value.partition(":")
    if colon and word == "in" and name in many:
        return "in", rest
    if colon and word in COMPARISONS and name in (*TIMES, *many):
        operator = COMPARISONS[word]
        if name in TIMES or operator in ("eq", "neq"):
            return operator, rest.strip('"') if name not in TIMES else rest
        raise Invalid(f"Operator {word} is not supported by the filter '{name}'.")
    return "eq", value


def _listed(text: str) -> list[str]:
    """Values between commas; those with commas of their own are in double quotes."""
    values, at = [], 0
    while at <= len(text):
        if text[at:at + 1] == '"':
            end = text.find('"', at + 1)
            if end < 0 or text[end + 1:end + 2] not in ("", ","):
                raise Invalid(f"Invalid filter value {text}. The quote is not closed or not followed by a comma.")
            values.append(text[at + 1:end])
            at = end + 2
        else:
            end = text.find(",", at)
            end = len(text) if end < 0 else end
            values.append(text[at:end])
            at = end + 1
    return values


def _number(name: str, value: str) -> int:
    if not NUMBER.fullmatch(value):
        raise Invalid(f"Invalid value for the filter '{name}': {value!r} is not a number.")
    return max(-BIGGEST, min(int(value), BIGGEST))


def _flag(name: str, value: str) -> bool:
    if value.lower() not in TRUE | FALSE:
        raise Invalid(f"Invalid value for the filter '{name}': {value!r} is not a boolean.")
    return value.lower() in TRUE


def _moment(name: str, value: str) -> datetime:
    try:
        return parse_iso(value)
    except ValueError as problem:
        raise Invalid(f"Invalid value for the filter '{name}': {value!r} is no ISO 8601 time.") from problem


def _one_of(name: str, value: str | None, allowed: tuple[str, ...]) -> str | None:
    if value is not None and value not in allowed:
        raise Invalid(f"Invalid {name} value: {value}. It must be one of: {', '.join(allowed)}.")
    return value


def _member_status(value: str | None) -> str | None:
    if value == "all":
        return None
    return _one_of("member_status", value, (*MEMBER_STATUSES, "all")) or ACCEPTED


def _sort(req: Request) -> tuple[tuple[str, bool], ...]:
    """(field, descending) of each key asked for, then what makes the order total."""
    query = req.query
    keys, dirs = query.all("sort_key"), query.all("sort_dir")
    if "sort" in query:
        if keys or dirs:
            raise Invalid("Old and new sorting syntax cannot be combined.")
        pairs = [part.strip().partition(":") for value in query.all("sort") for part in value.split(",")]
        asked = [(key.strip(), direction.strip() or "desc") for key, _, direction in pairs]
    else:
        if len(dirs) > 1 and len(dirs) != len(keys):
            raise Invalid("Number of sort dirs does not match the number of sort keys.")
        keys = keys or (["created_at"] if dirs else [])
        asked = list(zip(keys, (dirs or ["desc"]) * (len(keys) if len(dirs) < 2 else 1), strict=True))
    found: dict[str, bool] = {}
    for key, direction in asked:
        if key not in SORT_KEYS:
            raise Invalid(f"Invalid sort key: {key}. It must be one of the following: {', '.join(SORT_KEYS)}.")
        if direction not in ("asc", "desc"):
            raise Invalid(f"Invalid sort direction: {direction}. It must be one of the following: asc, desc.")
        found.setdefault(key, direction == "desc")                         # once sorted by, it changes nothing more
    last = next(iter(found.values()), True)
    return tuple((found | {key: last for key in ("created_at", "id") if key not in found}).items())
