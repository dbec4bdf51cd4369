"""Lists of an account: who else may do everything, change containers and objects, or read. `X-Account-Access-Control`. Pure."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from pileus.object_store.wire import json

HEADER, KEPT = "x-account-access-control", "x-account-sysmeta-core-access-control"
KINDS = ("admin", "read-write", "read-only")


def parse(text: str) -> dict[str, list[str]]:
    """Kind → users and groups. Raises ValueError with what is wrong."""
    if not text:
        return {}
    try:
        said: Any = json.parse(text.encode("utf-8", "surrogateescape"))
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise ValueError(f"Syntax error in input ({text!r})")
    for kind, names in said.items():
        shown = msgspec.json.encode(kind).decode()
        if kind not in KINDS:
            raise ValueError(f"Key {shown} not recognized")
        if not isinstance(names, list):
            raise ValueError(f"Value for key {shown} must be a list")
        if not all(isinstance(name, str) for name in names):
            raise ValueError(f"Elements of {shown} list must be strings")
    return said


def cleaned(text: str) -> str:
    """As it is kept: one form for all spellings, and nothing when nobody is in it. Raises ValueError."""
    lists = parse(text)
    return msgspec.json.encode(lists).decode() if any(lists.values()) else ""


def allows(text: str, groups: Collection[str], method: str, in_account: bool) -> str:
    """Which list lets in ("": none). `in_account`: it is about something in the account, not the account itself."""
    lists = parse(text)

    def names(kind: str) -> bool:
        return bool(set(groups) & set(lists.get(kind, ())))

    reads = method in ("GET", "HEAD")
    if names("admin"):
        return "admin"
    if names("read-write") and (in_account or reads):
        return "read-write"
    return "read-only" if names("read-only") and reads else ""
