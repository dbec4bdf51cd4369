"""Numbers in requests. Python itself reads more as numbers than clients mean, and gives up where they are very long."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

#: No number of S3's has more digits.
MOST_DIGITS = 19


def is_number(text: str) -> bool:
    """Whether it is digits, and not too many of them."""
    return text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS
