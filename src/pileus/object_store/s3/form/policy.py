"""The policy of a form, and whether the form keeps it. Pure."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from pileus.object_store.wire import json

#: Fields that a policy need not name.
UNNAMED = ("policy", "x-amz-signature", "signature", "awsaccesskeyid", "file", "bucket")
IGNORED = "x-ignore-"


class FormPolicy(msgspec.Struct, frozen=True, kw_only=True):
    expires: datetime
    equal: tuple[tuple[str, str], ...] = ()
    begin: tuple[tuple[str, str], ...] = ()
    least: int = 0
    most: int | None = None

    def broken(self, fields: Mapping[str, str], now: datetime) -> str:
        """What in the form is against it; empty: nothing."""
        if self.expires <= now:
            return "Invalid according to Policy: Policy expired."
        for name, value in self.equal:
            if fields.get(name, "") != value:
                return f'Invalid according to Policy: Policy Condition failed: ["eq", "${name}", "{value}"]'
        for name, value in self.begin:
            if not fields.get(name, "").startswith(value):
                return f'Invalid according to Policy: Policy Condition failed: ["starts-with", "${name}", "{value}"]'
        named = {name for name, _ in (*self.equal, *self.begin)}
        extra = sorted(name for name in fields if name not in named and name not in UNNAMED and not name.startswith(IGNORED))
        return f"Invalid according to Policy: Extra input fields: {', '.join(extra)}" if extra else ""


def read(text: str) -> FormPolicy:
    """Raises ValueError with what is wrong."""
    try:
        found = json.parse(base64.b64decode(text, validate=True))
    except ValueError:
        raise ValueError("Invalid Policy: Invalid JSON.") from None
    if not isinstance(found, dict) or not isinstance(found.get("expiration"), str) or not isinstance(found.get("conditions"), list):
        raise ValueError("Invalid Policy: Expecting expiration and conditions.")
    expires = datetime.fromisoformat(found["expiration"])
    equal: list[tuple[str, str]] = []
    begin: list[tuple[str, str]] = []
    least, most = 0, None
    for condition in found["conditions"]:
        kind, name, value = _condition(condition)
        if kind == "content-length-range":
            least, most = int(str(name)), int(str(value))
        else:
            (equal if kind == "eq" else begin).append((str(name).removeprefix("$").lower(), str(value)))
    return FormPolicy(expires=expires.replace(tzinfo=UTC) if expires.tzinfo is None else expires, equal=tuple(equal), begin=tuple(begin),
                      least=least, most=most)


def _condition(condition: Any) -> tuple[str, Any, Any]:
    if isinstance(condition, dict) and len(condition) == 1:
        (name, value), = condition.items()
        return "eq", name, value
    if isinstance(condition, list) and len(condition) == 3 and str(condition[0]).lower() in ("eq", "starts-with", "content-length-range"):
        return str(condition[0]).lower(), condition[1], condition[2]
    raise ValueError("Invalid Policy: Invalid condition.")
