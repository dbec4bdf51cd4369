"""Pages that are made: listings, and that there is none. Names of classes and ids are what style sheets count on. Pure.

(Object Storage API, "Create static website".)
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

import msgspec

STYLE = ("<style type=\"text/css\">\n   h1 {font-size: 1em; font-weight: bold;}\n   th, td {text-align: left; padding: 0 1em;}\n"
         "   a {text-decoration: none;}\n  </style>")
UNITS = "KMGTPEZY"


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What a page is of. `prefix`: the folder; `links`: what is behind every link ("?…")."""

    title: str
    prefix: str = ""
    css: str = ""
    parent: bool = False
    links: str = ""


def listing(frame: Frame, rows: Sequence[dict[str, Any]]) -> bytes:
    items = [*_folders(frame, rows), *_objects(frame, rows)]
    if frame.parent:
        items.insert(0, _item("item", "../", "../" + frame.links, "&nbsp;", "&nbsp;", id=' id="parent"'))
    return _page(frame, f"""  <h1 id="title">Listing of {escape(frame.title)}</h1>
  <table id="listing">
   <tr id="heading">
    <th class="colname">Name</th>
    <th class="colsize">Size</th>
    <th class="coldate">Date</th>
   </tr>
{"".join(items)}  </table>
""")


def disabled(frame: Frame, index: str) -> bytes:
    """Nobody asked for a listing, and there is no index either."""
    missing = f"  <h1>Index File Not Found</h1>\n  <p>There is no {escape(index)} here.</p>\n" if index else ""
    return _page(frame, f"""  <h1>Web Listing Disabled</h1>
  <p>This site shows no listings. Its owner can change that by X-Container-Meta-Web-Listings.</p>
{missing}""")


def _page(frame: Frame, body: str) -> bytes:
    style = f'<link rel="stylesheet" type="text/css" href="{escape(_css(frame))}" />' if frame.css else STYLE
    text = (f"<!DOCTYPE html>\n<html>\n <head>\n  <title>Listing of {escape(frame.title)}</title>\n  {style}\n </head>\n"
            f" <body>\n{body} </body>\n</html>\n")
    return text.encode("utf-8", "surrogateescape")


def _css(frame: Frame) -> str:
    if frame.css.startswith(("/", "http://", "https://")):
        return quote(frame.css, safe=":/")
    return "../" * frame.prefix.count("/") + quote(frame.css)


def _folders(frame: Frame, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        if "subdir" in row:
            name = row["subdir"][len(frame.prefix):]
            yield _item("item subdir", name, "./" + _href(name) + frame.links, "&nbsp;", "&nbsp;")


def _objects(frame: Frame, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        if "name" in row:
            name = row["name"][len(frame.prefix):]
            kinds = " ".join(f"type-{escape(part.lower())}" for part in row["content_type"].split("/"))
            date = escape(row["last_modified"].partition(".")[0].replace("T", " "))
            yield _item(f"item {kinds}", name, "./" + _href(name) + frame.links, size(row["bytes"]), date)


def _href(name: str) -> str:
    """A dot is written out: what begins with two of them would lead elsewhere."""
    return quote(name, errors="surrogateescape").replace(".", "%2E")


def _item(kind: str, name: str, href: str, size: str, date: str, id: str = "") -> str:
    return (f'   <tr{id} class="{kind}">\n    <td class="colname"><a href="{href}">{escape(name)}</a></td>\n'
            f'    <td class="colsize">{size}</td>\n    <td class="coldate">{date}</td>\n   </tr>\n')


def size(number: int) -> str:
    """1536 → 2Ki."""
    value, unit = float(number), -1
    while value >= 1024 and unit + 1 < len(UNITS):
        value, unit = round(value / 1024), unit + 1
    return f"{number}" if unit < 0 else f"{value:.0f}{UNITS[unit]}i"
