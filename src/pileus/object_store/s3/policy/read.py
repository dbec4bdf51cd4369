"""A policy's document, read strictly. Pure."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ipaddress
from typing import Any

from pileus.object_store.s3.policy.model import ARN, OPERATORS, Statement, key_of, moment
from pileus.object_store.wire import json

VERSIONS = ("2012-10-17", "2008-10-17")
#: Statements, conditions of one, and bytes: what is looked at on each request has to be short.
MOST, LONGEST = 100, 20_480


def statements(document: bytes, bucket: str) -> tuple[Statement, ...]:
    """Raises ValueError with what is wrong."""
    if len(document) > LONGEST:
        raise ValueError("Policies must not be longer than 20480 bytes")
    try:
        found = json.parse(document)
    except ValueError:
        raise ValueError("Policies must be valid JSON and the first byte must be '{'") from None
    if not isinstance(found, dict) or found.get("Version", VERSIONS[0]) not in VERSIONS:
        raise ValueError("The policy must contain a valid version string")
    _only(found, {"Version", "Id", "Statement"})
    listed = found.get("Statement")
    listed = [listed] if isinstance(listed, dict) else listed
    if not isinstance(listed, list) or not 0 < len(listed) <= MOST:
        raise ValueError("Missing required field Statement")
    return tuple(_statement(item, bucket) for item in listed)


def _statement(item: Any, bucket: str) -> Statement:
    if not isinstance(item, dict) or item.get("Effect") not in ("Allow", "Deny"):
        raise ValueError("Invalid effect")
    _only(item, {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"})
    principals, other_principals = _either(item, "Principal")
    actions, other_actions = _either(item, "Action")
    resources, other_resources = _either(item, "Resource")
    named, wanted, done = _principals(principals), _texts(resources, "resource"), _texts(actions, "action")
    if not all(action == "*" or action.lower().startswith("s3:") for action in done):
        raise ValueError("Policy has invalid action")
    for resource in wanted:
        if not resource.startswith(ARN) or resource.removeprefix(ARN).partition("/")[0] != bucket:
            raise ValueError("Policy has invalid resource")
    if other_principals and item["Effect"] == "Allow":
        raise ValueError("Allow with NotPrincipal is not allowed")
    return Statement(allows=item["Effect"] == "Allow", principals=named, other_principals=other_principals, actions=done,
                     other_actions=other_actions, resources=wanted, other_resources=other_resources,
                     conditions=_conditions(item.get("Condition", {})))


def _only(item: dict[str, Any], known: set[str]) -> None:
    if unknown := sorted(item.keys() - known):
        raise ValueError(f"Unknown field {unknown[0]}")


def _either(item: dict[str, Any], name: str) -> tuple[Any, bool]:
    """The value of a field, or of its opposite."""
    if (name in item) == (f"Not{name}" in item):
        raise ValueError(f"Missing required field {name}")
    return (item[name], False) if name in item else (item[f"Not{name}"], True)


def _texts(value: Any, what: str) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not values or not all(isinstance(v, str) and v for v in values):
        raise ValueError(f"Policy has invalid {what}")
    return tuple(values)


def _principals(value: Any) -> tuple[str, ...]:
    """`*`, or {"AWS": …}: ARNs of users (`arn:aws:iam::PROJECT:user/NAME`) or projects (`…:root`), or their bare ids."""
    if value == "*":
        return ("*",)
    if not isinstance(value, dict) or set(value) != {"AWS"}:
        raise ValueError("Invalid principal in policy")
    return _texts(value["AWS"], "principal")


def _conditions(value: Any) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    found = []
    if not isinstance(value, dict):
        raise ValueError("Policy has an invalid condition")
    for operator, tests in value.items():
        name = operator.removesuffix("IfExists")
        if (name not in OPERATORS and name != "Null") or not isinstance(tests, dict):
            raise ValueError(f"Invalid Condition type : {operator}")
        for key, wanted in tests.items():
            values = _texts([wanted] if isinstance(wanted, bool | int) else wanted, "condition") if not isinstance(wanted, bool | int) \
                else (str(wanted).lower(),)
            _check_values(name, values)
            found.append((operator, key_of(key), values))
    if len(found) > MOST:
        raise ValueError("Too many conditions")
    return tuple(found)


def _check_values(operator: str, values: tuple[str, ...]) -> None:
    for value in values:
        if operator in ("IpAddress", "NotIpAddress"):
            ipaddress.ip_network(value, strict=False)
        elif operator.startswith("Date"):
            moment(value)
        elif operator.startswith("Numeric"):
            int(value)
        elif operator in ("Bool", "Null") and value not in ("true", "false"):
            raise ValueError("Policy has an invalid condition value")
