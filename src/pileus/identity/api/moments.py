"""Moments in bodies and in the conditions of lists."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime

from pileus.core.clock import parse_iso
from pileus.core.errors import Invalid
from pileus.core.http import Request
from pileus.identity.store.base import ORDERINGS, Filter


def moment(text: str | None, field: str = "expires_at") -> datetime | None:
    """Raises Invalid for what is no moment."""
    try:
        return parse_iso(text) if text is not None else None
    except ValueError:
        raise Invalid(f"Expecting {field} to be a moment in ISO 8601.") from None


def moments(req: Request, column: str) -> list[Filter]:
    """`column=MOMENT`, or `column=OPERATOR:MOMENT` with an operator of `ORDERINGS`. Raises Invalid for another."""
    found = []
    for text in req.query.all(column):
        operator, colon, rest = text.partition(":")
        if not colon or operator[:1].isdecimal():
            operator, rest = "eq", text
        if operator not in ORDERINGS:
            raise Invalid(f"The given operator {operator} is not valid. It must be one of the following: {', '.join(ORDERINGS)}.")
        found.append(Filter(column, operator, moment(rest, column)))
    return found
