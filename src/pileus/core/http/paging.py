"""Paging: `limit` and `marker` in, `*_links` with `next` out, the same way everywhere."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus.core.http.request import Request


class Page(msgspec.Struct, frozen=True):
    """Which part of a list is asked for."""

    limit: int | None = None
    marker: str | None = None
    reverse: bool = False


def page(req: Request, *, most: int | None = 1000) -> Page:
    """The page a request asks for; never more than `most` rows. `limit=0` means as many as allowed. Raises Invalid."""
    limit = req.query.integer("limit")
    if most is not None:
        limit = most if not limit else min(limit, most)
    return Page(limit or None, req.query.get("marker") or None, bool(req.query.flag("page_reverse", False)))


def next_link(req: Request, found: list[Any], asked: Page, marker: str) -> str | None:
    """The URL of the page behind a full one."""
    if asked.limit is None or len(found) < asked.limit or not found:
        return None
    query = {k: v for k, v in req.query.pairs if k not in ("marker", "limit")} | {"limit": str(asked.limit), "marker": marker}
    return req.url(req.path, query)
