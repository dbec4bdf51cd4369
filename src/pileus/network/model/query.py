"""What part of a list is wanted, and what was found."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A list request, without HTTP: filters as (attribute, values; one of them must match), sort keys, and a page."""

    filters: tuple[tuple[str, tuple[str, ...]], ...] = ()
    sort: tuple[tuple[str, bool], ...] = ()            # (attribute, descending)
    limit: int | None = None
    marker: str | None = None
    reverse: bool = False                              # the page before the marker

