"""Values of requests about servers that no type can check."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import ipaddress
from typing import Any, TypeVar

from msgspec import UNSET, UnsetType

from pileus.core.errors import Invalid
from pileus.core.http.request import FALSE, TRUE

T = TypeVar("T")


def decoded_base64(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as problem:
        raise Invalid(f"{what} content cannot be decoded") from problem


def given(value: T | UnsetType, default: Any = None) -> Any:
    """What a client said, or the default: to say nothing is not to say null, which most fields do not take."""
    return default if value is UNSET else value


def boolean(value: bool | str, field: str) -> bool:
    if isinstance(value, bool):
        return value
    if value.lower() in TRUE:
        return True
    if value.lower() in FALSE:
        return False
    raise Invalid(f"Invalid input for field/attribute {field}. Value: {value}.")


def count(value: int | str | UnsetType, default: int, field: str) -> int:
    if value is UNSET:
        return default
    if int(value) < 1:
        raise Invalid(f"Invalid input for field/attribute {field}. Value: {value}. {value} is less than the minimum of 1")
    return int(value)


def address(text: str | UnsetType, version: int) -> str | None:
    """The address in its short form, or None where none was said. Raises Invalid for one of the other version."""
    if text is UNSET:
        return None
    try:
        return str(ipaddress.IPv4Address(text) if version == 4 else ipaddress.IPv6Address(text))
    except ValueError as problem:
        field = f"accessIPv{version}"
        raise Invalid(f"Invalid input for field/attribute {field}. Value: {text}. It is not an IPv{version} address.") from problem
