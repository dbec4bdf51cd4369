"""Requests about what is hidden: made once the caller's rights to the visible container are known."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.pipeline.versioning.names import Where
from pileus.object_store.wire.message import ALLOWS_RESERVED, Request, Response, Stop
from pileus.object_store.wire.status import plain


async def admit(feature: Feature, req: Request, where: Where, acl: str) -> None:
    """Raises Stop when the caller may not do this in the visible container."""
    info = await feature.store.container_info(where.account, where.container)
    req.facts["acl.domain"] = info.sysmeta("container", "acl-domain")
    await feature.store.proxy.authorized(req, info.headers.get(acl))


def request(req: Request, method: str, path: str, headers: Mapping[str, str] | None = None, *, query: str = "",
            body: AsyncIterator[bytes] | None = None, at: str = "") -> Request:
    """A request that may touch what is hidden; `at`: the moment it happens at."""
    made = req.child(method, path, {**(headers or {}), ALLOWS_RESERVED: "true"}, query=query, body=body, source="OV", trusted=True)
    if at:
        made.facts["timestamp"] = at
    return made


async def current(feature: Feature, req: Request, where: Where, method: str = "HEAD") -> Response:
    """What is at the visible name itself, the newest of it."""
    return await feature.app(request(req, method, where.path, {"x-newest": "true"}, query="symlink=get"))


async def written(response: Response) -> None:
    """Raises Stop for what could not be written."""
    await response.close()
    if response.ok:
        return
    if response.status == 404:
        raise Stop(plain(500, "The versions container does not exist. You may want to re-enable object versioning."))
    raise Stop(response if 400 <= response.status < 500 else plain(503))
