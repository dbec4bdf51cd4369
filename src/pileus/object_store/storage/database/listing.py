"""Pages of a listing: names in order, from a marker on, those behind a delimiter rolled up into one."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from pileus.object_store.model.names import RESERVED

#: Reads rows (the name first) in order: conditions, their values, whether backwards, how many.
Fetch = Callable[[str, list[Any], bool, int], list[tuple]]
BEYOND_RESERVED = chr(ord(RESERVED) + 1)


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What part of a listing is wanted."""

    limit: int
    marker: str = ""
    end_marker: str = ""
    prefix: str = ""
    delimiter: str = ""
    path: str | None = None                 # only what is directly in this folder: an older spelling of prefix and delimiter
    reverse: bool = False
    reserved: bool = True                   # whether names are listed that are the store's own


def after_all(prefix: str) -> str | None:
    """The first text behind everything that begins with `prefix`; None when nothing is."""
    for at in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[at]) + 1
        if code <= 0x10FFFF:
            return prefix[:at] + chr(0xE000 if 0xD800 <= code < 0xE000 else code)
    return None


def walk(fetch: Fetch, page: Page) -> list[tuple]:
    """The rows of a page; a name that stands for all those behind a delimiter is a row of that name only.

    Names that were rolled up are jumped over, not read: a folder of a million objects costs what one does.
    """
    prefix, delimiter = page.prefix, page.delimiter
    if page.path is not None:
        prefix, delimiter = (page.path.rstrip("/") + "/" if page.path else ""), "/"
    # Markers are in the order of the listing: backwards, the marker is the upper bound.
    low, high = (page.end_marker, page.marker) if page.reverse else (page.marker, page.end_marker)
    lower = ("name > ?", low) if low and low >= prefix else ("name >= ?", prefix) if prefix else None
    if not page.reserved and (lower is None or lower[1] < BEYOND_RESERVED):
        lower = ("name >= ?", BEYOND_RESERVED)
    upper = ("name < ?", high) if high else None
    end = after_all(prefix) if prefix else None
    found: list[tuple] = []
    # With a delimiter most of what is read may be jumped over: little is read until it turns out that it is not.
    step = 4
    while len(found) < page.limit:
        bounds = [b for b in (lower, upper, ("name < ?", end) if end is not None else None) if b is not None]
        wanted = min(page.limit - len(found), step) if delimiter else page.limit - len(found)
        rows = fetch(" AND ".join(b[0] for b in bounds), [b[1] for b in bounds], page.reverse, wanted)
        jumped = False
        for row in rows:
            name = row[0]
            if page.path is not None and name == prefix:
                continue
            at = name.find(delimiter, len(prefix)) if delimiter else -1
            if at < 0 or (page.path is not None and len(name) == at + len(delimiter)):
                found.append(row)
                continue
            folder = name[:at + len(delimiter)]
            if page.path is None and folder != page.marker:
                found.append((folder,))
            beyond = after_all(folder)
            if page.reverse:
                upper = ("name < ?", folder)
            elif beyond is None:
                return found
            else:
                lower = ("name >= ?", beyond)
            jumped, step = True, 4
            break
        if not jumped:
            if not delimiter or len(rows) < wanted:
                break
            step = min(1000, 4 * step)
            last = rows[-1][0]
            if page.reverse:
                upper = ("name < ?", last)
            else:
                lower = ("name > ?", last)
    return found
