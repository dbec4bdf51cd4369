"""Bodies: known fields with their types, and whatever else clients wish to keep with a resource.

Keystone stores unknown keys of most resources and gives them back. `parse` separates the two; what it does not let through
are the keys that are ours to set.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pileus.core.errors import Invalid

T = TypeVar("T", bound=msgspec.Struct)

Name64 = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\S")]
Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"\S")]
Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-zA-Z0-9-]+$")]
RegionId = Annotated[str, Meta(max_length=255)]
Description = Annotated[str, Meta(max_length=65535)]
Tag = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^,/]*$")]
Tags = Annotated[list[Tag], Meta(max_length=80)]

#: Never kept: what is ours to say, and what must not be shown again.
_OURS = frozenset({"id", "links", "password_expires_at", "original_password", "extra"})


class Options(msgspec.Struct, forbid_unknown_fields=True):
    """Options of domains, projects and roles. Null takes one away."""

    immutable: bool | UnsetType | None = UNSET


class UserOptions(msgspec.Struct, forbid_unknown_fields=True):
    ignore_change_password_upon_first_use: bool | UnsetType | None = UNSET
    ignore_password_expiry: bool | UnsetType | None = UNSET
    ignore_lockout_failure_attempts: bool | UnsetType | None = UNSET
    ignore_user_inactivity: bool | UnsetType | None = UNSET
    lock_password: bool | UnsetType | None = UNSET
    multi_factor_auth_enabled: bool | UnsetType | None = UNSET
    multi_factor_auth_rules: list[Annotated[list[str], Meta(min_length=1)]] | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        if isinstance(self.multi_factor_auth_rules, list):
            unique(self.multi_factor_auth_rules, "rules")


def unique(values: list[Any], what: str) -> None:
    """Raise ValueError, which makes the body invalid, when one comes twice."""
    if any(value in values[:at] for at, value in enumerate(values)):
        raise ValueError(f"The {what} are not unique")


def parse(kind: type[T], data: dict[str, Any], *, id: str | None = None, may_be_empty: bool = False) -> tuple[T, dict[str, Any]]:
    """(the known fields, the other ones). `id`: of the resource being changed. Raises Invalid."""
    if id is not None and not may_be_empty:
        some(data)
    check_same_id(id, data.get("id", UNSET))
    try:
        known = msgspec.convert(data, kind)
    except msgspec.ValidationError as problem:
        raise Invalid(f"Invalid input: {problem}") from problem
    return known, {k: v for k, v in data.items() if k not in kind.__struct_encode_fields__ and k not in _OURS}


def check_same_id(id: str | None, said: object) -> None:
    """A body that repeats the id of the resource it is for says the same one. Raises Invalid."""
    if id is not None and said is not UNSET and said != id:
        raise Invalid("Cannot change the ID of a resource.")


def some(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is to be changed. Raises Invalid when it is nothing."""
    if not data:
        raise Invalid("The body must name at least one property to change.")
    return data


def given(known: msgspec.Struct, *without: str) -> dict[str, Any]:
    """The fields that the body named, as column values."""
    values = {f: getattr(known, f) for f in known.__struct_fields__ if f not in without}
    return {k: _plain(v) for k, v in values.items() if v is not UNSET}


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value) if isinstance(value, msgspec.Struct) else tuple(value) if isinstance(value, list) else value


def changes(known: msgspec.Struct, extra: dict[str, Any], *without: str) -> dict[str, Any]:
    """The columns to change, with what is kept for the client in `extra`."""
    return given(known, *without) | ({"extra": extra} if extra else {})


def path_id(id: str) -> str:
    """An id that the caller chose by the path. Raises Invalid for one that cannot be kept."""
    if not 1 <= len(id) <= 64:
        raise Invalid("An id has between 1 and 64 characters.")
    return id


def required(value: Any, field: str) -> Any:
    """The value, which must have been given. Raises Invalid."""
    if value is UNSET or value is None:
        raise Invalid(f"'{field}' is a required property.")
    return value
