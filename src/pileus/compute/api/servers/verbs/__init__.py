"""What `POST /servers/{id}/action` can name, beyond power: one file per verb, each with its `ACTIONS`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, get_args

import msgspec

from pileus.core.errors import Invalid
from pileus.core.http import Request
from pileus.core.http.microversion import refuse_foreign_fields

Version = tuple[int, int]


class ServerAction(msgspec.Struct, frozen=True, kw_only=True):
    run: Callable[..., Awaitable[Any]]
    policy: str
    body: Any = None                        # type of the value; None: any value, which is ignored
    first: Version = (2, 1)
    last: Version = (999, 999)


def decoded(name: str, value: Any, kind: Any, req: Request) -> Any:
    """The value of an action as its type. Raises Invalid, also for fields that are of another microversion."""
    try:
        for one in (kind, *get_args(kind)):     # of a union with None, too
            refuse_foreign_fields(one, value, req.version)
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as problem:
        raise Invalid(f"Invalid input for {name}: {problem}") from problem
