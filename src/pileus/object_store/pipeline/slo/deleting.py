"""Deleting a static large object with all that it lists: at once, or by the expirer when it comes by."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import quote

from pileus.object_store.model.names import RESERVED
from pileus.object_store.pipeline.bulk import delete_all
from pileus.object_store.pipeline.segments import DEEPEST, Broken
from pileus.object_store.pipeline.slo import manifest
from pileus.object_store.pipeline.slo.manifest import Entry
from pileus.object_store.proxy import expiry
from pileus.object_store.wire.message import Request, Response, Stop, is_true
from pileus.object_store.wire.status import plain

if TYPE_CHECKING:
    from pileus.object_store.pipeline.slo import StaticLargeObjects

FLAG = "x-static-large-object"
#: What keeps every object of a container on its own: nothing goes there behind the back of those features.
KEEPS = ("versions-container", "versions-location", "s3api-lock-enabled")
AT_ONCE = 16


async def delete(slo: StaticLargeObjects, req: Request, account: str, container: str, obj: str) -> Response:
    """The manifest and all that it lists."""
    later = is_true(req.params.get("async", ""))
    names, version = [f"/{container}/{obj}"], slo.version(req)
    got = await slo.app(req.child("GET", None, {"x-newest": "true"}, query=version, source="SLO"))
    if got.ok and is_true(got.header(FLAG)):
        entries = manifest.load(await got.read())
        if later and (gone := await _later(slo, req, account, entries)) is not None:
            return gone
        names = await _below(slo, req, account, entries, 0) + names
    else:
        await got.close()
        if later and got.status in (404, 410):
            return plain(404, "SLO manifest not found")
        if later:
            return plain(400, "Not an SLO manifest") if got.ok else got
    return await delete_all(slo, req, account, names, {names[-1]: version})


async def _later(slo: StaticLargeObjects, req: Request, account: str, entries: list[Entry]) -> Response | None:
    """Leave the segments to the expirer and delete the manifest; None when that would pass over what another feature keeps."""
    names = list(dict.fromkeys(entry.name for entry in entries if entry.name))
    containers = list(dict.fromkeys(name.split("/")[1] for name in names))
    if len(containers) > 1:
        listed = ", ".join(f'"{quote(name)}"' for name in containers)
        return plain(400, f"All segments must be in one container. Found segments in {listed}")
    if any(entry.sub_slo for entry in entries):
        return plain(400, "No segments may be large objects.")
    for container in containers:
        info = await slo.store.container_info(account, container)
        if any(info.sysmeta("container", name) for name in KEEPS) or RESERVED in container:
            return None
        asked = req.child("DELETE", f"/v1/{account}{names[0]}")
        asked.facts["acl.domain"] = info.sysmeta("container", "acl-domain")
        await slo.store.proxy.authorized(asked, info.headers.get("x-container-write"))
    done = await slo.app(req.child("DELETE", None, query=slo.version(req), source="SLO"))
    if done.ok:
        at_once = asyncio.Semaphore(AT_ONCE)

        async def queue(name: str) -> None:
            async with at_once:
                await expiry.queue_deletion(slo.store.proxy, account, name)

        await asyncio.gather(*(queue(name) for name in names))
    return done


async def _below(slo: StaticLargeObjects, req: Request, account: str, entries: list[Entry], depth: int) -> list[str]:
    if depth > DEEPEST:
        raise Stop(plain(400, "Too many levels of manifests"))
    found: list[str] = []
    for entry in entries:
        if entry.sub_slo:
            try:
                found += await _below(slo, req, account, await slo.entries(req, f"/v1/{account}{entry.name}"), depth + 1)
            except Broken:
                pass                            # it is gone already, or no manifest any more: what it is goes below
        if entry.name:
            found.append(entry.name)
    return list(dict.fromkeys(found))
