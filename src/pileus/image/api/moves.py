"""What a patch does to the locations of an image."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus.core.errors import Invalid
from pileus.image.service.relocating import GivenLocation, Move

LIST, END = "/locations", "-"


def move(op: Any, path: str, raw: dict[str, Any]) -> Move:
    """One operation: on the whole list to replace it, on a position of it otherwise. Raises Invalid."""
    position = path.removeprefix(LIST + "/")
    number = position.isascii() and position.isdecimal() and len(position) < 5
    if path != LIST if op == "replace" else not number and position != END:
        raise Invalid(f"Invalid JSON pointer for this resource: '{path}'")
    at = int(position) if number else None
    if op == "remove":
        return Move("remove", at)
    if "value" not in raw:
        raise Invalid(f'Operation "{op}" requires a member named "value".')
    try:
        if op == "replace":
            return Move("replace", None, msgspec.convert(raw["value"], tuple[GivenLocation, ...]))
        return Move("add", at, (msgspec.convert(raw["value"], GivenLocation),))
    except msgspec.ValidationError as problem:
        raise Invalid(f"Provided object does not match schema 'image': locations: {problem}") from problem
