"""Server-side copy: COPY with a Destination, or PUT with X-Copy-From. The bytes never leave the store.

The rights are those of the two requests it consists of: reading the source, writing the destination. Metadata comes with the
bytes, and what the request says goes before it; `X-Fresh-Metadata` leaves the source's out. Preconditions and ranges are
those of the source. (Object Storage API reference, "Copy object".)
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from urllib.parse import quote, unquote

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.wire.body import drain, stream
from pileus.object_store.wire.message import Request, Response, Stop, is_true
from pileus.object_store.wire.status import plain

#: What is not said to the source: it is about the destination's body or metadata.
CONDITIONS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "range")
KEPT = ("content-type", "content-encoding", "content-disposition", "content-language", "cache-control", "expires", "x-robots-tag")
PREFIXES = ("x-object-meta-", "x-object-sysmeta-", "x-object-transient-sysmeta-")
#: Belongs to the bytes as they lie where they come from, not to a copy of them.
OF_SOURCE = ("x-object-sysmeta-slo-", "x-object-sysmeta-container-update-override-", "x-object-sysmeta-symlink-",
             "x-object-sysmeta-versions-", "x-object-sysmeta-s3api-etag", "x-object-sysmeta-s3api-upload-id")


class Copy(Feature):
    def concerns(self, req: Request) -> bool:
        return req.method == "COPY" or (req.method == "PUT" and "x-copy-from" in req.headers)

    async def __call__(self, req: Request) -> Response:
        try:
            _, account, container, obj = req.split(4, 4)
        except ValueError:
            return await self.app(req)
        if req.method == "COPY":
            self._turn_round(req, str(account), str(container), str(obj))
        if req.method == "PUT" and "x-copy-from" in req.headers:
            return await self._copy(req)
        return await self.app(req)

    def _turn_round(self, req: Request, account: str, container: str, obj: str) -> None:
        """COPY of a source is PUT of the destination. Raises Stop for a destination that is none."""
        if not (destination := req.headers.pop("destination", "")):
            raise Stop(plain(412, "Destination header required"))
        form = "Destination header must be of the form <container name>/<object name>"
        names = _path(destination, form)
        to = unquote(req.headers.pop("destination-account", "") or account)
        if "/" in to:
            raise Stop(plain(412, "Account name cannot contain slashes"))
        req.headers["x-copy-from"] = quote(f"{container}/{obj}", errors="surrogateescape")
        req.headers["x-copy-from-account"] = quote(account)
        req.method, req.path = "PUT", f"/v1/{to}/{names}"
        req.headers["content-length"] = "0"

    async def _copy(self, req: Request) -> Response:
        if req.length or req.header("transfer-encoding"):
            await drain(req.body)
            return plain(400, "Copy requests require a zero byte body")
        source_path = _path(req.headers.pop("x-copy-from"), "X-Copy-From header must be of the form <container name>/<object name>")
        account = unquote(req.headers.pop("x-copy-from-account", "") or req.path.split("/", 3)[2])
        if "/" in account:
            return plain(412, "Account name cannot contain slashes")
        path = f"/v1/{account}/{source_path}"
        source = await self._read(req, path)
        if not source.ok:
            return source
        if (source.length or 0) > self.store.proxy.limits.max_file_size:
            await source.close()
            return plain(413, "Your request is too large.")
        try:
            made = await self.app(self._write(req, source))
        finally:
            await source.close()
        if made.ok:
            made.headers |= self._told(req, source, account, source_path)
        return made

    async def _read(self, req: Request, path: str) -> Response:
        headers = {n: v for n, v in req.headers.items() if n in CONDITIONS or n in ("referer", "origin")} | {"x-newest": "true"}
        for name in CONDITIONS:
            req.headers.pop(name, None)
        passed = ("multipart-manifest=get", "symlink=get", "version-id=", "part-number=")
        query = [part for part in req.query.split("&") if part.startswith(passed)]
        if "multipart-manifest=get" in query:
            query.append("format=raw")
        return await self.app(req.child("GET", path, headers, query="&".join(query), source="COPY"))

    def _write(self, req: Request, source: Response) -> Request:
        """The PUT of what was read."""
        whole = "multipart-manifest=get" in req.query
        if not _fresh(req):
            kept = {n: v for n, v in source.headers.items() if n in KEPT or (n.startswith(PREFIXES) and not n.startswith(OF_SOURCE))}
            if whole and "x-object-manifest" in source.headers:
                kept["x-object-manifest"] = source.headers["x-object-manifest"]
            if "symlink=get" in req.query:
                kept |= {n: v for n, v in source.headers.items() if n.startswith("x-symlink-target")}
            if "x-delete-at" in source.headers and "x-delete-after" not in req.headers:
                kept["x-delete-at"] = source.headers["x-delete-at"]
        else:
            kept = {n: v for n, v in source.headers.items() if n.startswith(PREFIXES[1:]) and not n.startswith(OF_SOURCE)}
            kept["content-type"] = source.header("content-type")
        headers = kept | {n: v for n, v in req.headers.items() if v or n not in KEPT}
        sent = req.child("PUT", None, headers, source="COPY")
        sent.footers = req.footers
        if whole and source.header("x-static-large-object"):
            sent.query = "multipart-manifest=put"
        if source.length is None:
            headers.pop("content-length", None)
            sent.headers["transfer-encoding"] = "chunked"
        else:
            sent.headers["content-length"] = str(source.length)
        sent.body = stream(source.body) if isinstance(source.body, bytes) else source.body
        if source.status == 200 and not source.header("x-static-large-object") and "x-object-manifest" not in source.headers:
            sent.headers["etag"] = source.header("etag").strip('"')
        return sent

    def _told(self, req: Request, source: Response, account: str, path: str) -> dict[str, str]:
        told = {"x-copied-from": quote(path, errors="surrogateescape"), "x-copied-from-account": quote(account),
                "x-copied-from-last-modified": source.header("last-modified")}
        if version := req.params.get("version-id"):
            told["x-copied-from-version-id"] = version
        shown = {} if _fresh(req) else {n: v for n, v in source.headers.items() if n.startswith("x-object-meta-")}
        return told | shown | {n: v for n, v in req.headers.items() if n.startswith("x-object-meta-")}


def _fresh(req: Request) -> bool:
    return is_true(req.header("x-fresh-metadata"))


def _path(text: str, complaint: str) -> str:
    """CONTAINER/OBJECT of a header. Raises Stop when it is something else."""
    names = unquote(text, errors="surrogateescape").lstrip("/").split("/", 1)
    if len(names) != 2 or not all(names):
        raise Stop(plain(412, complaint))
    return "/".join(names)
