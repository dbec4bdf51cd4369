"""JSON that a client sent."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec


def parse(text: bytes) -> Any:
    """What it says. Raises ValueError for what is no JSON, and for what is nested deeper than anybody means."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("not JSON") from None
