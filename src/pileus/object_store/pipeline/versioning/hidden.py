"""Requests about what the caller does not name: made once the rights to the container that he names are known."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.wire.body import stream
from pileus.object_store.wire.message import ALLOWS_RESERVED, Authorize, Request, Response, Stop
from pileus.object_store.wire.status import plain

OVERRIDE = "x-object-sysmeta-container-update-override-"
PINNED = {"x-symlink-target-etag": "target-etag", "x-symlink-target-bytes": "target-bytes"}
#: What is said of an object as it lies, and not of a copy.
OF_PLACE = ("x-timestamp", "last-modified", "accept-ranges")


async def admit(feature: Feature, req: Request, account: str, container: str, acl: str | None) -> None:
    """Raises Stop when the caller may not do this in the container. `acl` None: only who owns the account may."""
    info = await feature.store.container_info(account, container)
    req.facts["acl.domain"] = info.sysmeta("container", "acl-domain")
    await feature.store.proxy.authorized(req, info.headers.get(acl) if acl is not None else None)


def request(req: Request, method: str, path: str, headers: Mapping[str, str] | None = None, *, query: str = "",
            body: AsyncIterator[bytes] | None = None, at: str = "") -> Request:
    """A request whose rights are known; `at`: the moment it happens at. What it leads to (links) is asked for as ever."""
    made = req.child(method, path, {**(headers or {}), ALLOWS_RESERVED: "true"}, query=query, body=body, source="OV")
    made.authorize = _let_in(path, req.authorize) if req.authorize is not None else None
    if at:
        made.facts["timestamp"] = at
    return made


def _let_in(path: str, otherwise: Authorize) -> Authorize:
    async def authorize(asked: Request) -> Response | None:
        return None if asked.path == path else await otherwise(asked)

    return authorize


async def at_name(feature: Feature, req: Request, path: str, method: str = "HEAD") -> Response:
    """The newest of what is at a name itself, be it a link."""
    return await feature.app(request(req, method, path, {"x-newest": "true"}, query="symlink=get"))


async def keep(feature: Feature, req: Request, found: Response, path: str) -> Response:
    """Write what was read (`at_name`) to another name, as it is."""
    headers = {n: v for n, v in found.headers.items() if n not in OF_PLACE and not n.startswith("x-backend-")}
    headers["etag"] = found.header("etag").strip('"')
    if whole := found.header("x-object-sysmeta-slo-size"):
        headers[OVERRIDE + "size"] = whole
        headers[OVERRIDE + "etag"] = f"{headers['etag']}; slo_etag={found.header('x-object-sysmeta-slo-etag')}"
    sent = request(req, "PUT", path, headers, body=stream(found.body) if isinstance(found.body, bytes) else found.body)
    if "x-symlink-target-etag" in headers:      # a link stays what it is, whatever became of its target
        sent.facts["symlink.pinned"] = {kept: headers[name] for name, kept in PINNED.items() if name in headers}
    try:
        return await feature.app(sent)
    finally:
        await found.close()


async def written(response: Response) -> None:
    """Raises Stop for what could not be written."""
    await response.close()
    if response.ok:
        return
    if response.status == 404:
        raise Stop(plain(500, "The versions container does not exist. You may want to re-enable object versioning."))
    raise Stop(response if 400 <= response.status < 500 else plain(503))
