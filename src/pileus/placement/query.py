"""What a list of providers is narrowed to. Pure."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Every field that is not at its default must hold. `member_of` and `required`: one of each inner set."""

    id: str | None = None
    name: str | None = None
    in_tree: str | None = None
    member_of: tuple[frozenset[str], ...] = ()
    not_member_of: frozenset[str] = frozenset()
    required: tuple[frozenset[str], ...] = ()
    forbidden: frozenset[str] = frozenset()
    resources: dict[str, int] = {}
