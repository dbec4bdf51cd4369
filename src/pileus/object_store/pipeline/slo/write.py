"""PUT of a manifest: every segment is looked at, and only then the manifest is stored."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from pileus.object_store.pipeline import report
from pileus.object_store.pipeline.slo import manifest
from pileus.object_store.pipeline.slo.manifest import Entry, Wanted
from pileus.object_store.proxy.constraints import settle_type
from pileus.object_store.wire import ranges
from pileus.object_store.wire.body import stream
from pileus.object_store.wire.conditional import moment
from pileus.object_store.wire.message import Request, Response, Stop, is_true
from pileus.object_store.wire.status import SENTENCES, plain, reason

if TYPE_CHECKING:
    from pileus.object_store.pipeline.slo import StaticLargeObjects


async def put(slo: StaticLargeObjects, req: Request, account: str, container: str, obj: str) -> Response:
    config = slo.store.config.slo
    body = await _body(req, config.max_manifest_size)
    try:
        wanted, wrong = manifest.parse(body, f"/{container}/{obj}")
    except ValueError as problem:
        return plain(400, str(problem))
    if wrong:
        return plain(400, "\n".join(wrong) + "\n")
    if sum(w.data is None for w in wanted) > config.max_manifest_segments:
        return plain(413, f"Number of object-backed segments must be <= {config.max_manifest_segments}")
    if not is_true(req.params.get("heartbeat", "")):
        return await _checked(slo, req, account, wanted)
    done = await _checked(slo, req, account, wanted)
    text = "" if done.ok else f"{reason(done.status)}\n{SENTENCES.get(done.status, '')}"
    facts = {"Response Status": f"{done.status} {reason(done.status)}", "Response Body": text}
    if done.ok:
        facts |= {"Etag": '"' + done.header("etag").strip('"') + '"', "Last Modified": done.header("last-modified")}
    kind = report.kind_of(req)
    errors = done.facts.get("slo.errors", ())
    return Response(202, {"content-type": kind}, stream(b" ", b"\r\n\r\n" + report.written(kind, facts, errors, "upload")))


async def _body(req: Request, most: int) -> bytes:
    if (req.length or 0) > most:
        raise Stop(plain(413, f"Manifest File > {most} bytes"))
    parts, size = [], 0
    async for chunk in req.body if req.body is not None else stream():
        parts.append(chunk)
        size += len(chunk)
        if size > most:
            raise Stop(plain(413, f"Manifest File > {most} bytes"))
    return b"".join(parts)


async def _checked(slo: StaticLargeObjects, req: Request, account: str, wanted: list[Wanted]) -> Response:
    errors: list[tuple[str, str]] = []
    entries = await _looked_at(slo, req, account, wanted, errors)
    if errors:
        kind = report.kind_of(req)
        refusal = Response(400, {"content-type": kind}, report.written(kind, {}, errors, "upload"))
        refusal.facts["slo.errors"] = errors
        return refusal
    if (accept := req.facts.get("slo.accept")) is not None:
        accept(entries)                         # a feature further out has limits of its own, and raises Stop
    return await _store(slo, req, entries)


async def _looked_at(slo: StaticLargeObjects, req: Request, account: str, wanted: list[Wanted],
                     errors: list[tuple[str, str]]) -> list[Entry]:
    """The segments as they are; what they are not goes to `errors`."""
    known: dict[str, Response] = {}
    at_once = asyncio.Semaphore(slo.store.config.slo.concurrency)

    async def head(path: str) -> None:
        async with at_once:                     # by way of ourselves: a segment may be a manifest
            known[path] = await slo(req.child("HEAD", f"/v1/{account}{path}", {"x-newest": "true"}, source="SLO"))

    await asyncio.gather(*(head(path) for path in {w.path for w in wanted if w.data is None}))
    entries = []
    for one in wanted:
        if one.data is not None:
            entries.append(manifest.inline(one.data))
        elif (entry := _entry(one, known[one.path], errors)) is not None:
            entries.append(entry)
    return entries


def _entry(one: Wanted, found: Response, errors: list[tuple[str, str]]) -> Entry | None:
    name = quote(one.said, errors="surrogateescape")
    if not found.ok:
        errors.append((name, f"{found.status} {reason(found.status)}"))
        return None
    size, etag = int(found.header("content-length", "0")), found.header("etag").strip('"')
    before = len(errors)
    if one.size is not None and one.size != size:
        errors.append((name, "Size Mismatch"))
    if one.etag is not None and one.etag != etag:
        errors.append((name, "Etag Mismatch"))
    span = ""
    if one.range is not None:
        pieces = ranges.parse(f"bytes={one.range}", size)
        if not pieces:
            errors.append((name, "Unsatisfiable Range"))
        elif pieces[0] != (0, size):
            span = f"{pieces[0][0]}-{pieces[0][0] + pieces[0][1] - 1}"
    if size < 1:
        errors.append((name, "Too Small; each segment must be at least 1 byte."))
    if len(errors) > before:
        return None
    modified = (moment(found.header("last-modified")) or datetime.fromtimestamp(0, UTC)).strftime("%Y-%m-%dT%H:%M:%S.000000")
    return Entry(name=one.path, bytes=size, hash=etag, content_type=found.header("content-type"), last_modified=modified, range=span,
                 sub_slo=is_true(found.header("x-static-large-object")))


async def _store(slo: StaticLargeObjects, req: Request, entries: list[Entry]) -> Response:
    body, etag, size = manifest.stored(entries), manifest.etag_of(entries), manifest.size_of(entries)
    told = req.headers.pop("etag", "").strip('"').lower()
    if told and told != etag:
        return plain(422)
    stored_etag = manifest.md5(body, usedforsecurity=False).hexdigest()
    override = "x-object-sysmeta-container-update-override-"
    settle_type(req)
    listed = req.header(f"{override}etag", stored_etag)
    headers = {n: v for n, v in req.headers.items() if n not in ("transfer-encoding", "content-length")} | {
        "content-length": str(len(body)), "etag": stored_etag, "x-static-large-object": "True", "x-object-sysmeta-slo-etag": etag,
        "x-object-sysmeta-slo-size": str(size), f"{override}etag": f"{listed}; slo_etag={etag}", f"{override}size": str(size)}
    sent = req.child("PUT", None, headers, body=stream(body), source="SLO")
    response = await slo.app(sent)
    if response.ok:
        response.headers["etag"] = f'"{etag}"'
    return response
