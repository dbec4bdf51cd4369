"""Many objects by one request: `?bulk-delete` with a list of names, `?extract-archive=tar` with an archive.

(Object Storage API reference, "Bulk delete", "Extract archive".)
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

from pileus.object_store.pipeline import report
from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.wire.body import stream
from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain, reason

NOTHING = {"Number Deleted": 0, "Number Not Found": 0}


class BulkDelete(Feature):
    def info(self) -> dict[str, Any]:
        return {"bulk_delete": {"max_deletes_per_request": self.store.config.bulk.max_deletes, "max_failed_deletes":
                                self.store.config.bulk.max_failed_deletes}}

    def concerns(self, req: Request) -> bool:
        return req.method in ("POST", "DELETE") and "bulk-delete" in req.query and "bulk-delete" in req.params

    async def __call__(self, req: Request) -> Response:
        try:
            _, account = req.split(2, 2) if req.path.count("/") == 2 else req.split(2, 4)[:2]
        except ValueError:
            return plain(404)
        config = self.store.config.bulk
        lines: list[bytes] = []
        pending = b""
        async for chunk in req.body if req.body is not None else stream():
            *whole, pending = (pending + chunk).split(b"\n")
            lines += whole
            if len(lines) > config.max_deletes or len(pending) > config.max_line:
                break
        texts = [unquote(line.decode("utf-8", "surrogateescape").strip(), errors="surrogateescape") for line in [*lines, pending]]
        names = [name for name in texts if name]
        if len(names) > config.max_deletes:
            return _told(req, NOTHING, 413, f"Maximum Bulk Deletes: {config.max_deletes} per request", [])
        if not names:
            return _told(req, NOTHING, 400, "Invalid bulk delete.", [])
        return await delete_all(self, req, str(account), names)


async def delete_all(feature: Feature, req: Request, account: str, names: Sequence[str],
                     queries: Mapping[str, str] | None = None) -> Response:
    """Delete objects and containers by their names (`/CONTAINER[/OBJECT]`), and report. `queries`: what is asked of some."""
    config = feature.store.config.bulk
    deleted = missing = 0
    errors: list[tuple[str, str]] = []
    unauthorized = None
    at_once = asyncio.Semaphore(config.concurrency)

    async def one(name: str) -> None:
        nonlocal deleted, missing, unauthorized
        path = "/" + name.lstrip("/")
        if len(errors) >= config.max_failed_deletes:
            return
        async with at_once:
            got = await feature.app(req.child("DELETE", f"/v1/{account}{path}", {}, query=(queries or {}).get(name, ""), source="BD"))
        await got.close()
        if got.status in (204, 200, 202):
            deleted += 1
        elif got.status == 404:
            missing += 1
        else:
            unauthorized = unauthorized or (got.status if got.status == 401 else None)
            errors.append((quote(path, errors="surrogateescape"), f"{got.status} {reason(got.status)}"))

    objects = [name for name in names if name.strip("/").count("/")]
    await asyncio.gather(*(one(name) for name in objects))
    for name in (n for n in names if n not in set(objects)):       # containers, once they are empty
        await one(name)
    facts = {"Number Deleted": deleted, "Number Not Found": missing}
    status, text = 200, ""
    if unauthorized:
        status = 401
    elif len(errors) >= config.max_failed_deletes:
        status, text = 400, "Max delete failures exceeded"
    elif errors:
        status = 400
    elif not deleted and not missing:
        status, text = 400, "Invalid bulk delete."
    return _told(req, facts, status, text, errors)


def _told(req: Request, facts: dict[str, Any], status: int, text: str, errors: report.Errors) -> Response:
    """200 whatever happened; the body says what did."""
    kind = report.kind_of(req)
    said = facts | {"Response Status": f"{status} {reason(status)}", "Response Body": text}
    return Response(200, {"content-type": kind}, report.written(kind, said, errors, "delete"))
