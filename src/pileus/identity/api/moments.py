"""Moments in bodies."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime

from pileus.core.clock import parse_iso
from pileus.core.errors import Invalid


def moment(text: str | None, field: str = "expires_at") -> datetime | None:
    """Raises Invalid for what is no moment."""
    try:
        return parse_iso(text) if text is not None else None
    except ValueError:
        raise Invalid(f"Expecting {field} to be a moment in ISO 8601.") from None
