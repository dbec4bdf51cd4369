"""Microversions of flavors."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.http import Change

LISTS = frozenset({"os_compute_api:flavors:index", "os_compute_api:flavors:detail"})
FULL = frozenset(
    {
        "os_compute_api:flavors:detail",
        "os_compute_api:flavors:show",
        "os_compute_api:os-flavor-manage:create",
        "os_compute_api:os-flavor-manage:update",
    }
)


def _each(change: Any) -> Any:
    def convert(body: Any, req: Any) -> Any:
        for flavor in body.get("flavors", ()) if "flavors" in body else [body["flavor"]]:
            change(flavor)
        return body

    return convert


def _without(*keys: str) -> Any:
    def drop(flavor: dict[str, Any]) -> None:
        for key in keys:
            flavor.pop(key, None)

    return _each(drop)


def _swap(flavor: dict[str, Any]) -> None:
    flavor["swap"] = flavor["swap"] or ""


CHANGES = [
    Change(version=(2, 55), title="flavors have a description", on=LISTS | FULL, response=_without("description")),
    Change(version=(2, 61), title="extra specs are shown in flavors", on=FULL, response=_without("extra_specs")),
    Change(version=(2, 75), title="no swap is 0, not an empty string", on=FULL, response=_each(_swap)),
    Change(
        version=(2, 102), title="no rxtx_factor, no disabled", on=FULL, retire=_without("rxtx_factor", "OS-FLV-DISABLED:disabled")
    ),
]
