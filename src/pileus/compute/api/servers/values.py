"""Values of requests about servers that no type can check."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import ipaddress

from pileus.core.errors import Invalid
from pileus.core.http import Request
from pileus.core.http.request import FALSE, TRUE


def decoded_base64(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as problem:
        raise Invalid(f"{what} content cannot be decoded") from problem


def clean_name(name: str, req: Request) -> str:
    """A name without blanks around it: refused at 2.1, as upstream does, unless the client asked for leniency."""
    if not name.strip():
        raise NameBlank()
    if name != name.strip():
        raise NameBlank()
    return name


class NameBlank(Invalid):
    code, message = "server.name_blank", "Invalid input for field/attribute name: can not start or end with whitespace, nor be blank."


def boolean(value: bool | str, field: str) -> bool:
    if isinstance(value, bool):
        return value
    if value.lower() in TRUE:
        return True
    if value.lower() in FALSE or value == "":
        return False
    raise Invalid(f"Invalid input for field/attribute {field}. Value: {value}.")


def count(value: int | str | None, default: int, field: str) -> int:
    if value is None:
        return default
    if int(value) < 1:
        raise Invalid(f"Invalid input for field/attribute {field}. Value: {value}. {value} is less than the minimum of 1")
    return int(value)


def address(text: str | None, version: int) -> str | None:
    """The address in its short form, or None for an empty one. Raises Invalid for one of the other version."""
    if not text:
        return None
    try:
        return str(ipaddress.IPv4Address(text) if version == 4 else ipaddress.IPv6Address(text))
    except ValueError as problem:
        field = f"accessIPv{version}"
        raise Invalid(f"Invalid input for field/attribute {field}. Value: {text}. It is not an IPv{version} address.") from problem
