"""Types that bodies of several resources share, and how their loose spellings become values.

Nova's schemas take a number as a string and a boolean as a word; handlers see neither.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta

from pileus.core.errors import Invalid

MAX_INT = 0x7FFFFFFF
_UNPRINTABLE = r"\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff"
#: Printable, without blanks at its ends.
NAME_PATTERN = rf"^(?!\s)[^{_UNPRINTABLE}]+(?<!\s)\Z"

#: Printable, and not blanks alone.
LOOSE_PATTERN = rf"^(?=.*\S)[^{_UNPRINTABLE}]+\Z"
Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=NAME_PATTERN)]
Digits = Annotated[str, Meta(pattern=r"^[0-9]+\Z", max_length=10)]
Positive = Annotated[int, Meta(ge=1, le=MAX_INT)] | Digits
Natural = Annotated[int, Meta(ge=0, le=MAX_INT)] | Digits
Flag = (
    bool
    | Literal[
        "True",
        "TRUE",
        "true",
        "1",
        "ON",
        "On",
        "on",
        "YES",
        "Yes",
        "yes",
        "False",
        "FALSE",
        "false",
        "0",
        "OFF",
        "Off",
        "off",
        "NO",
        "No",
        "no",
    ]
)
HostName = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[a-zA-Z0-9-._]*\Z")]
Description = Annotated[str, Meta(max_length=65535, pattern=rf"^[^{_UNPRINTABLE}]*\Z")]
MetadataKey = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[a-zA-Z0-9\-_:. ]+\Z")]
MetadataValue = Annotated[str, Meta(max_length=255)]

_TRUE = frozenset({"true", "1", "on", "yes"})
UUID_PATTERN = r"^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}\Z"
_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")


def count(value: int | str, name: str, low: int = 0) -> int:
    """A number that may have come as a string. Raises Invalid outside of its range."""
    number = int(value)
    if number < low:
        raise Invalid(f"Invalid input received: {name} must be >= {low}")
    if number > MAX_INT:
        raise Invalid(f"Invalid input received: {name} must be <= {MAX_INT}")
    return number


def flag(value: bool | str) -> bool:
    return value if isinstance(value, bool) else value.lower() in _TRUE


def moment(value: datetime | None) -> str | None:
    """As Nova shows the times of most resources: with microseconds, without a zone. It is UTC."""
    return None if value is None else value.strftime("%Y-%m-%dT%H:%M:%S.%f")


def is_uuid(value: str) -> bool:
    return _UUID.fullmatch(value.lower()) is not None


def check_uuid(value: str) -> str:
    if not is_uuid(value):
        raise Invalid(f"Invalid uuid {value}")
    return value


def only_key(body: dict[str, Any]) -> tuple[str, Any]:
    """The one action of an action's body. Raises Invalid for none and for several."""
    if len(body) != 1:
        raise Invalid("There is no such action: " + ", ".join(sorted(body)) if body else "There is no action in the request body")
    return next(iter(body.items()))
