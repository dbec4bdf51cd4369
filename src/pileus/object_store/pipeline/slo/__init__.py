"""Static large objects: a manifest lists the objects, ranges of them, and bytes, that its body consists of, with their hashes.

What it lists is looked at when it is written; what has changed since is not given out. (Object Storage API reference, "Large
objects".)
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.pipeline.listing_formats import listed
from pileus.object_store.pipeline.segments import Broken, Segment, Segments
from pileus.object_store.pipeline.slo import deleting, manifest, write
from pileus.object_store.pipeline.slo.deleting import FLAG
from pileus.object_store.pipeline.slo.manifest import Entry
from pileus.object_store.wire import conditional
from pileus.object_store.wire.message import Request, Response, Stop, is_true
from pileus.object_store.wire.status import plain

ETAG, SIZE = "x-object-sysmeta-slo-etag", "x-object-sysmeta-slo-size"
#: What a reader asks that is about the whole, not about the manifest.
OF_THE_WHOLE = ("range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since")


class StaticLargeObjects(Feature):
    def info(self) -> dict[str, Any]:
        config = self.store.config.slo
        return {"slo": {"max_manifest_segments": config.max_manifest_segments, "max_manifest_size": config.max_manifest_size,
                        "min_segment_size": 1, "yield_frequency": 10, "allow_async_delete": True}}

    async def __call__(self, req: Request) -> Response:
        try:
            _, account, container, obj = (str(name) for name in req.split(4, 4))
        except ValueError:
            return await self._listing(req)
        asked = req.params.get("multipart-manifest", "") if req.query else ""
        if req.method == "PUT" and asked == "put":
            return await write.put(self, req, account, container, obj)
        if req.method == "PUT" and FLAG in req.headers:
            return plain(400, "X-Static-Large-Object is a reserved header. To create a static large object add query param "
                              "multipart-manifest=put.")
        if req.method == "DELETE" and asked == "delete":
            return await deleting.delete(self, req, account, container, obj)
        if req.method in ("GET", "HEAD"):
            return await self._read(req, account, asked)
        return await self.app(req)

    # ---- reading -----------------------------------------------------------------------------------------------------
    async def _read(self, req: Request, account: str, asked: str) -> Response:
        if asked == "get":
            return await self._manifest(req)
        part = _part_number(req)
        about = {n: req.headers[n] for n in OF_THE_WHOLE if n in req.headers}
        conditional.ask_at(req, ETAG)
        response = await self.app(req)
        if not is_true(response.header(FLAG)) or response.status not in (200, 206, 304, 412, 416):
            return response
        _dress(response)
        if response.status in (304, 412):
            return response
        if req.method == "HEAD" and part is None:
            response.headers["content-length"] = response.header(SIZE)
            response.status = 200
            response.headers.pop("content-range", None)
            return response
        if req.method == "HEAD" or response.status != 200:
            await response.close()
            response, entries = await self._fetch(req, req.path, self.version(req))
            _dress(response)
        else:
            entries = manifest.load(await response.read())
        if part is not None:
            return await self._part(req, response, account, entries, part, about)
        return await self._segments(req, account, entries).answer(response)

    @staticmethod
    def version(req: Request) -> str:
        """The query that asks for the same version of the object."""
        return "&".join(part for part in req.query.split("&") if part.startswith("version-id="))

    def _segments(self, req: Request, account: str, entries: list[Entry]) -> Segments:
        async def expand(segment: Segment) -> list[Segment]:
            return [entry.part for entry in await self.entries(req, f"/v1/{account}{segment.path}")]

        return Segments(self, req, account, [entry.part for entry in entries], "SLO", expand)

    async def entries(self, req: Request, path: str) -> list[Entry]:
        return (await self._fetch(req, path))[1]

    async def _fetch(self, req: Request, path: str, query: str = "") -> tuple[Response, list[Entry]]:
        """A manifest, whole, and what it lists. Raises Broken when it is none any more."""
        headers = {"x-newest": "true"} | ({"x-open-expired": "true"} if is_true(req.header("x-open-expired")) else {})
        got = await self.app(req.child("GET", path, headers, query=query, source="SLO"))
        if not got.ok or not is_true(got.header(FLAG)):
            await got.close()
            raise Broken(f"The manifest {path} cannot be read")
        return got, manifest.load(await got.read())

    async def _part(self, req: Request, response: Response, account: str, entries: list[Entry], number: int, about: dict) -> Response:
        """One segment, by its number."""
        if "range" in about:
            return plain(400, "Range requests are not supported with part number queries")
        if number > len(entries):
            kept = {n: v for n, v in response.headers.items() if n not in ("content-length", "content-type")}
            return plain(416, "The requested part number is not satisfiable" if req.method == "GET" else "",
                         kept | {"x-parts-count": str(len(entries)), "content-range": f"bytes */{response.header(SIZE)}"})
        start = sum(entry.part.size for entry in entries[: number - 1])
        size = entries[number - 1].part.size
        req.headers["range"] = f"bytes={start}-{start + size - 1}"
        answer = await self._segments(req, account, entries).answer(response)
        if answer.ok:
            answer.status = 206
            answer.headers |= {"x-parts-count": str(len(entries)), "content-length": str(size),
                               "content-range": f"bytes {start}-{start + size - 1}/{response.header(SIZE)}"}
        return answer

    async def _manifest(self, req: Request) -> Response:
        """The manifest itself: as it is stored, or as a client would write it."""
        response = await self.app(req)
        if not response.ok or not is_true(response.header(FLAG)):
            return response
        if req.method == "GET" and req.params.get("format") == "raw":
            body = manifest.raw(manifest.load(await response.read()))
            response.body = body
            response.headers["etag"] = manifest.md5(body, usedforsecurity=False).hexdigest()
            response.headers["content-length"] = str(len(body))
        else:
            response.headers["content-type"] = "application/json; charset=utf-8"
        return response

    # ---- listings ----------------------------------------------------------------------------------------------------
    async def _listing(self, req: Request) -> Response:
        """In listings the hash of a manifest is told apart from that of the whole."""
        return await listed(self.app, req, b"slo_etag=", _row)


def _row(row: dict[str, Any]) -> dict[str, Any]:
    plain_hash, _, whole = row.get("hash", "").partition("; slo_etag=")
    return row | {"hash": plain_hash, "slo_etag": f'"{whole}"'} if whole else row


def _dress(response: Response) -> None:
    """The headers of the manifest as those of the whole."""
    response.headers["x-manifest-etag"] = response.header("etag").strip('"')
    response.headers["etag"] = f'"{response.header(ETAG)}"'


def _part_number(req: Request) -> int | None:
    """Raises Stop for what is no number of a part."""
    text = req.params.get("part-number") if "part-number" in req.query else None
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and int(unquote(text)) > 0):
        raise Stop(plain(400, "Part number must be an integer greater than 0"))
    return int(text)
