"""One-time passwords that change with time (RFC 6238): six digits, SHA-1, half a minute each, as authenticator apps make them. Pure."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import binascii
import hmac
from datetime import datetime

STEP_S = 30
DIGITS = 6


def step_of(secret: str, passcode: str, now: datetime, *, previous: int) -> int | None:
    """The half minute that a passcode is of: this one, or one of so many before. None for another, and for a secret that is none."""
    try:
        key = base64.b32decode(secret.strip().replace(" ", "").upper() + "=" * (-len(secret.strip().replace(" ", "")) % 8))
    except (binascii.Error, ValueError):
        return None
    step, found = int(now.timestamp()) // STEP_S, None
    for back in range(previous + 1):
        if hmac.compare_digest(code(key, step - back).encode(), passcode.encode("utf-8", "replace")):
            found = step - back
    return found


def code(key: bytes, step: int) -> str:
    """RFC 4226."""
    digest = hmac.digest(key, step.to_bytes(8, "big"), "sha1")
    at = digest[-1] & 15
    return str((int.from_bytes(digest[at : at + 4], "big") & 0x7FFFFFFF) % 10**DIGITS).zfill(DIGITS)
