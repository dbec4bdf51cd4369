"""A policy, and what it says about a request. Pure."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

ARN = "arn:aws:s3:::"
#: What a condition may look at.
KEYS = frozenset(("aws:sourceip", "aws:securetransport", "aws:username", "aws:userid", "aws:currenttime", "aws:useragent", "aws:referer",
                  "aws:principalarn", "aws:principalaccount", "s3:prefix", "s3:delimiter", "s3:max-keys", "s3:versionid", "s3:authtype",
                  "s3:signatureversion"))
#: Headers of the request that it may look at, as `s3:NAME`.
HEADERS = ("x-amz-acl", "x-amz-content-sha256", "x-amz-copy-source", "x-amz-metadata-directive", "x-amz-server-side-encryption",
           "x-amz-storage-class", "x-amz-website-redirect-location")
#: Tags of the object that is there, and of the one that the request makes: `s3:ExistingObjectTag/KEY`. The tag's key is as it is.
EXISTING, REQUESTED = "s3:existingobjecttag/", "s3:requestobjecttag/"


def key_of(text: str) -> str:
    """A condition's key as facts have it. Raises ValueError for one that nothing is known of."""
    kind, slash, tag = text.partition("/")
    key = kind.lower() + slash + tag
    if key.startswith((EXISTING, REQUESTED)) and tag:
        return key
    if key not in KEYS and not (key.startswith("s3:") and key.removeprefix("s3:") in HEADERS):
        raise ValueError(f"Policy has an invalid condition key: {text}")
    return key


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """`principals`: none is everybody. Patterns have `*` and `?`."""

    allows: bool
    principals: tuple[str, ...] = ()
    other_principals: bool = False          # all but those
    actions: tuple[str, ...] = ()
    other_actions: bool = False
    resources: tuple[str, ...] = ()
    other_resources: bool = False
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...] = ()   # operator, key, values


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request as policies see it. `names`: in which forms a principal may name who asks; `facts`: what conditions look at."""

    action: str
    resource: str
    names: frozenset[str]
    facts: Mapping[str, str]


def decide(statements: tuple[Statement, ...], asked: Asked) -> bool | None:
    """False: it is denied. True: it is allowed, whoever owns the bucket. None: nothing is said."""
    fitting = [statement for statement in statements if _fits(statement, asked)]
    if any(not statement.allows for statement in fitting):
        return False
    return True if fitting else None


def _fits(statement: Statement, asked: Asked) -> bool:
    by = any(name == "*" or name in asked.names for name in statement.principals)
    done = any(like(pattern.lower(), asked.action.lower()) for pattern in statement.actions)
    to = any(like(pattern, asked.resource) for pattern in statement.resources)
    return (by != statement.other_principals and done != statement.other_actions and to != statement.other_resources
            and all(_holds(operator, asked.facts.get(key), values) for operator, key, values in statement.conditions))


def like(pattern: str, text: str) -> bool:
    """Whether a text is as a pattern with `*` and `?` says: in time that grows with their lengths only."""
    return re.fullmatch(_expression(pattern), text, re.DOTALL) is not None


def _expression(pattern: str) -> str:
    """Each `*` stops at the first place where what follows it fits: no other choice could do better, so none is tried again."""
    first, *rest = re.sub(r"\*+", "*", pattern).split("*")
    parts = ["".join("." if c == "?" else re.escape(c) for c in part) for part in rest]
    head = "".join("." if c == "?" else re.escape(c) for c in first)
    if not parts:
        return head
    return head + "".join(f"(?>.*?{part})" for part in parts[:-1]) + ".*" + parts[-1]


def _holds(operator: str, found: str | None, values: tuple[str, ...]) -> bool:
    name = operator.removesuffix("IfExists")
    if name == "Null":
        return (found is None) == (values[0] == "true")
    if found is None:
        return name != operator or name in NEGATIVE
    return OPERATORS[name](found, values)


def _same(found: str, values: tuple[str, ...]) -> bool:
    return found in values


def _same_folded(found: str, values: tuple[str, ...]) -> bool:
    return found.lower() in {value.lower() for value in values}


def _like(found: str, values: tuple[str, ...]) -> bool:
    return any(like(value, found) for value in values)


def _within(found: str, values: tuple[str, ...]) -> bool:
    try:
        address = ipaddress.ip_address(found)
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(value, strict=False) for value in values)


def _compared(read: Callable[[str], Any], test: Callable[[Any, Any], bool]) -> Callable[[str, tuple[str, ...]], bool]:
    def holds(found: str, values: tuple[str, ...]) -> bool:
        try:
            return any(test(read(found), read(value)) for value in values)
        except ValueError:
            return False

    return holds


def _not(holds: Callable[[str, tuple[str, ...]], bool]) -> Callable[[str, tuple[str, ...]], bool]:
    return lambda found, values: not holds(found, values)


def moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


OPERATORS: dict[str, Callable[[str, tuple[str, ...]], bool]] = {
    "StringEquals": _same, "StringNotEquals": _not(_same), "StringEqualsIgnoreCase": _same_folded,
    "StringNotEqualsIgnoreCase": _not(_same_folded), "StringLike": _like, "StringNotLike": _not(_like), "IpAddress": _within,
    "NotIpAddress": _not(_within), "Bool": _same_folded, "ArnEquals": _like, "ArnLike": _like, "ArnNotEquals": _not(_like),
    "ArnNotLike": _not(_like),
    "NumericEquals": _compared(int, lambda a, b: a == b), "NumericNotEquals": _not(_compared(int, lambda a, b: a == b)),
    "NumericLessThan": _compared(int, lambda a, b: a < b), "NumericLessThanEquals": _compared(int, lambda a, b: a <= b),
    "NumericGreaterThan": _compared(int, lambda a, b: a > b), "NumericGreaterThanEquals": _compared(int, lambda a, b: a >= b),
    "DateLessThan": _compared(moment, lambda a, b: a < b), "DateGreaterThan": _compared(moment, lambda a, b: a > b),
    "DateLessThanEquals": _compared(moment, lambda a, b: a <= b), "DateGreaterThanEquals": _compared(moment, lambda a, b: a >= b),
}
#: Hold also of what is not there.
NEGATIVE = frozenset(name for name in OPERATORS if "Not" in name)
