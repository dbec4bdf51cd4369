"""Microversions of key pairs."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.http import Change

LIST = frozenset({"os_compute_api:os-keypairs:index"})
ONE = frozenset({"os_compute_api:os-keypairs:show", "os_compute_api:os-keypairs:create"})


def _untyped(body: Any, req: Any) -> Any:
    for item in body.get("keypairs", [body]):
        item["keypair"].pop("type")
    return body


def _unpaged(body: Any, req: Any) -> Any:
    body.pop("keypairs_links", None)
    return body


CHANGES = [
    Change(version=(2, 2), title="key pairs have a type", on=LIST | ONE, response=_untyped),
    Change(version=(2, 35), title="key pairs are paged", on=LIST, response=_unpaged),
]
