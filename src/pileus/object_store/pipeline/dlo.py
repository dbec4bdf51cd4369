"""Dynamic large objects: a manifest names a container and a prefix, and its body is that of all objects below it, in their order.

What belongs to it is looked up when it is read. (Object Storage API reference, "Large objects".)
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import UTC, datetime
from hashlib import md5
from typing import Any
from urllib.parse import unquote, urlencode

import msgspec

from pileus.object_store.model.timestamp import http_date, stamp
from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.pipeline.segments import Segment, Segments
from pileus.object_store.wire.conditional import moment
from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain

MANIFEST = "x-object-manifest"
PAGE, MOST_PAGES = 10_000, 10


class Dynamic(Segments):
    """Several ranges of something that may change between two of them are not given."""

    many_ranges = False


class DynamicLargeObjects(Feature):
    def info(self) -> dict[str, Any]:
        return {"dlo": {"max_segments": PAGE * MOST_PAGES}}

    async def __call__(self, req: Request) -> Response:
        try:
            _, account, _, _ = req.split(4, 4)
        except ValueError:
            return await self.app(req)
        if req.method in ("PUT", "POST") and req.header(MANIFEST) and (
                req.header(MANIFEST).startswith("/") or not _names(req.header(MANIFEST))):
            return plain(400, "X-Object-Manifest must be in the format container/prefix")
        if req.method not in ("GET", "HEAD") or "multipart-manifest=get" in req.query:
            return await self.app(req)
        response = await self.app(req)
        if not response.header(MANIFEST) or response.status not in (200, 206, 304, 412, 416):
            return response
        await response.close()
        return await self._assembled(req, response, str(account))

    async def _assembled(self, req: Request, response: Response, account: str) -> Response:
        names = _names(response.header(MANIFEST))
        rows = await self._rows(req, account, *names) if names else []
        if isinstance(rows, Response):
            return rows
        segments = [Segment(path=f"/{names[0]}/{row['name']}", size=row["bytes"], etag=row["hash"]) for row in rows]  # type: ignore[index]
        digest = md5("".join(s.etag for s in segments).encode(), usedforsecurity=False).hexdigest()
        response.headers["etag"] = f'"{digest}"'
        if rows:
            newest = max(row["last_modified"] for row in rows)
            response.headers["last-modified"] = max(response.header("last-modified"), _http(newest), key=_moment)
        return await Dynamic(self, req, account, segments, "DLO").answer(response)

    async def _rows(self, req: Request, account: str, container: str, prefix: str) -> list[dict[str, Any]] | Response:
        """The listing of what belongs to it, or what refuses to show that."""
        found: list[dict[str, Any]] = []
        for _ in range(MOST_PAGES):
            query = urlencode({"format": "json", "prefix": prefix, "marker": found[-1]["name"] if found else "", "limit": PAGE},
                              errors="surrogateescape")
            headers = {n: v for n, v in req.headers.items() if n in ("referer", "x-newest")}
            got = await self.app(req.child("GET", f"/v1/{account}/{container}", headers, query=query, source="DLO"))
            if not got.ok:
                return got
            page = [row for row in msgspec.json.decode(await got.read()) if "name" in row]
            found += page
            if len(page) < PAGE:
                break
        return found


def _names(text: str) -> tuple[str, str] | None:
    """Container and prefix of a manifest's header; None when it has no such form."""
    container, _, prefix = (unquote(part, errors="surrogateescape") for part in text.lstrip("/").partition("/"))
    return (container, prefix) if container and prefix and "?" not in text and "&" not in text else None


def _http(iso: str) -> str:
    return http_date(stamp(datetime.fromisoformat(iso).replace(tzinfo=UTC).timestamp()))


def _moment(text: str) -> float:
    found = moment(text)
    return found.timestamp() if found else 0.0
