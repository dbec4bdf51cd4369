"""What `POST /servers/{id}/action` can name, beyond power: one file per verb, each with its `ACTIONS`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

Version = tuple[int, int]


class ServerAction(msgspec.Struct, frozen=True, kw_only=True):
    run: Callable[..., Awaitable[Any]]
    policy: str
    body: Any = None                        # type of the value; None: any value, which is ignored
    first: Version = (2, 1)
    last: Version = (999, 999)
