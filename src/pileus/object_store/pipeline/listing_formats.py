"""Listings as text, JSON or XML. Further in, a listing is always JSON."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import msgspec

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.wire.message import Handler, Request, Response, Stop
from pileus.object_store.wire.status import plain

TYPES = {"plain": "text/plain", "json": "application/json", "xml": "application/xml"}


class ListingFormats(Feature):
    def concerns(self, req: Request) -> bool:
        return req.method in ("GET", "HEAD") and not req.names_object

    async def __call__(self, req: Request) -> Response:
        try:
            version, _, container, _ = req.split(2, 4)
        except ValueError:
            return await self.app(req)
        if version not in ("v1", "v1.0"):
            return await self.app(req)
        kind = wanted(req)
        if kind is None:
            return plain(406)
        named = req.params.get("format", "").lower() in TYPES
        response = await self.app(req)
        if response.ok and not named:
            response.headers["vary"] = "Accept"
        if response.facts.get("listing.settled"):
            return response                     # a feature further in decided on the format
        if not response.ok or not response.header("content-type").startswith(("application/json", "text/plain")):
            return response
        if req.method == "HEAD":
            response.headers["content-type"] = f"{kind}; charset=utf-8"
            return response
        response.headers["content-type"] = f"{kind}; charset=utf-8"
        if kind == "application/json":
            return response
        rows = msgspec.json.decode(await response.read())
        if kind == "text/plain":
            body = "".join((row.get("name") or row["subdir"]) + "\n" for row in rows).encode()
            if not body:
                response.status = 204
        else:
            names = req.split(2, 4)
            body = xml(names[2] or names[1] or "", rows, of_objects=container is not None)
        response.body = body
        response.headers["content-length"] = str(len(body))
        return response


async def listed(app: Handler, req: Request, mark: bytes, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Response:
    """The answer; in the listing of a container, where `mark` occurs, with its rows changed."""
    response = await app(req)
    if (req.method != "GET" or not response.ok or req.path.count("/") != 3
            or not response.header("content-type").startswith("application/json")):
        return response
    body = await response.read()
    if mark in body:
        body = msgspec.json.encode([change(row) for row in msgspec.json.decode(body)])
    response.body = body
    response.headers["content-length"] = str(len(body))
    return response


def wanted(req: Request) -> str | None:
    """The media type that is asked for, by `format` or else by Accept; None when nothing of that can be given. Raises Stop."""
    if (name := req.params.get("format", "").lower()) in TYPES:
        return TYPES[name]
    accepted = req.header("accept")
    if not accepted:
        return TYPES["plain"]
    best, chosen = 0.0, None
    for entry in accepted.split(","):
        kind, *parameters = (part.strip().lower() for part in entry.split(";"))
        if not all(kind.partition("/")[::2]):
            raise Stop(plain(400, "Invalid Accept header"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    weight = float(parameter[2:])
                except ValueError:
                    raise Stop(plain(400, "Invalid Accept header")) from None
        found = _match(kind)
        if found and weight > best:
            best, chosen = weight, found
    return chosen


def _match(kind: str) -> str | None:
    if kind in ("*/*", "text/*", "text/plain"):
        return "text/plain"
    if kind in ("application/json", "application/*"):
        return "application/json"
    return kind if kind in ("application/xml", "text/xml") else None


def xml(name: str, rows: list[dict], *, of_objects: bool) -> bytes:
    """A listing in Swift's XML."""
    outer, inner = ("container", "object") if of_objects else ("account", "container")
    fields = ("hash", "bytes", "content_type", "last_modified") if of_objects else ("count", "bytes", "last_modified", "storage_policy")
    line = "" if of_objects else "\n"
    parts = [f'<?xml version="1.0" encoding="UTF-8"?>\n<{outer} name={quoteattr(name)}>']
    for row in rows:
        if "subdir" in row:
            parts.append(f"<subdir name={quoteattr(row['subdir'])}><name>{escape(row['subdir'])}</name></subdir>")
        else:
            values = "".join(f"<{field}>{escape(str(row[field]))}</{field}>" for field in fields)
            parts.append(f"<{inner}><name>{escape(row['name'])}</name>{values}</{inner}>")
    return (line.join([*parts, f"</{outer}>"])).encode("utf-8", "surrogateescape")
