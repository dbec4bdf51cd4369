"""Objects of a container with versions, by their names: the current version is meant."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import unquote

import msgspec

from pileus.object_store.model.timestamp import after, normal
from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.pipeline.versioning.hidden import admit, at_name, keep, request, written
from pileus.object_store.pipeline.versioning.names import DELETED, LINK, NULL, Where, quoted
from pileus.object_store.proxy.constraints import settle_type
from pileus.object_store.wire.message import Request, Response, Stop
from pileus.object_store.wire.status import plain

#: Said of the body: the link that stands for it has none.
OF_BODY = frozenset({"etag", "x-symlink-target", "x-symlink-target-account", "x-symlink-target-etag", "x-object-manifest",
                     "x-static-large-object", "x-object-sysmeta-slo-etag", "x-object-sysmeta-slo-size", "transfer-encoding",
                     "x-object-sysmeta-container-update-override-size"})
EXPIRY = ("x-delete-at", "x-delete-after")


async def handle(feature: Feature, req: Request, where: Where) -> Response:
    if req.method == "POST":
        return await _post(feature, req, where)
    if req.method in ("GET", "HEAD"):
        return dressed(await feature.app(req), where)
    if not where.enabled or req.method not in ("PUT", "DELETE"):
        return await feature.app(req)
    return await (_put if req.method == "PUT" else _delete)(feature, req, where)


def dressed(response: Response, where: Where) -> Response:
    """An answer that says which version it is, and nothing of where that is kept."""
    version = where.version_at(unquote(response.header("content-location").partition("?")[0], errors="surrogateescape"))
    if version:
        response.headers["content-location"] = f"{quoted(where.path)}?version-id={version}"
    elif version := where.version_at(unquote(response.header("x-symlink-target"), errors="surrogateescape")):
        response.headers["x-symlink-target"] = f"{quoted(f'{where.container}/{where.object}')}?version-id={version}"
    response.headers["x-object-version-id"] = version or NULL
    return response


async def _put(feature: Feature, req: Request, where: Where) -> Response:
    await _keep_current(feature, req, where)
    at = feature.store.proxy.stamp()
    if "x-symlink-target" not in req.headers:
        settle_type(req)                    # while the name is the client's
    counter = Counted(req.body)
    headers = {n: v for n, v in req.headers.items() if n not in EXPIRY and n != "if-none-match"}
    sent = request(req, "PUT", where.version_path(at), headers, body=counter if req.body is not None else None, at=at)
    sent.footers = req.footers
    made = await feature.app(sent)
    await written(made)
    etag = req.header("x-symlink-target-etag").strip('"') or made.header("etag").strip('"')
    size = req.header("x-object-sysmeta-slo-size") or str(counter.size)
    req.headers["content-type"] = sent.header("content-type")   # a static link's is that of its target
    answer = await link(feature, req, where, at, Pin(etag=etag, size=size), at)
    if answer.ok:
        answer.headers["etag"] = made.header("etag")
    return answer


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """What a link holds on to of a version."""

    etag: str
    size: str


async def link(feature: Feature, req: Request, where: Where, version: str, pin: Pin, at: str) -> Response:
    """Make a version the current one."""
    headers = {n: v for n, v in req.headers.items() if n not in OF_BODY} | {
        "x-symlink-target": quoted(where.target(version)), "content-length": "0", LINK: "true"}
    sent = request(req, "PUT", where.path, headers, at=after(at))
    sent.facts["symlink.pinned"] = {"target-etag": pin.etag, "target-bytes": pin.size}
    answer = await feature.app(sent)
    if answer.ok:
        answer.headers.pop("content-location", None)
        answer.headers["x-object-version-id"] = version
    return answer


async def _delete(feature: Feature, req: Request, where: Where) -> Response:
    await _keep_current(feature, req, where)
    at = feature.store.proxy.stamp()
    headers = {"content-type": DELETED, "content-length": "0"}
    await written(await feature.app(request(req, "PUT", where.version_path(at), headers, at=at)))
    req.facts["timestamp"] = after(at)
    response = await feature.app(req)
    if response.ok or response.status == 404:
        response.headers["x-object-version-id"] = at
        response.headers["x-backend-content-type"] = DELETED
    return response


async def _post(feature: Feature, req: Request, where: Where) -> Response:
    """Metadata is the current version's own, and no new version: the link has it, too, for whoever lists."""
    sent = dict(req.headers)
    response = await feature.app(req)
    target = unquote(response.header("location"), errors="surrogateescape")
    if response.status != 307 or not (version := where.version_at(target)):
        return response
    headers = {n: v for n, v in sent.items() if n not in EXPIRY}
    return await feature.app(request(req, "POST", where.version_path(version), headers))


async def _keep_current(feature: Feature, req: Request, where: Where) -> None:
    """What has no version yet becomes one before it is overwritten. Raises Stop when the caller may not write."""
    await admit(feature, req, where.account, where.container, "x-container-write")
    found = await at_name(feature, req, where.path, "GET")
    if req.header("if-none-match") == "*" and found.ok:
        await found.close()
        raise Stop(plain(412))
    if found.status == 404 or found.header(LINK) == "true":
        await found.close()
        return
    if not found.ok:
        raise Stop(plain(503))
    version = normal(found.header("x-backend-timestamp") or found.header("x-timestamp"))
    await written(await keep(feature, req, found, where.version_path(version)))


class Counted:
    """A body of which one knows afterwards how long it was."""

    def __init__(self, body: AsyncIterator[bytes] | None):
        self.body, self.size = body, 0

    def __aiter__(self) -> Counted:
        return self

    async def __anext__(self) -> bytes:
        if self.body is None:
            raise StopAsyncIteration
        chunk = await anext(self.body)
        self.size += len(chunk)
        return chunk
