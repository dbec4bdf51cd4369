"""Versions by their numbers: `?version-id=`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from urllib.parse import unquote

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.pipeline.versioning.hidden import admit, at_name, request
from pileus.object_store.pipeline.versioning.names import DELETED, LINK, NULL, Where, parse_version
from pileus.object_store.pipeline.versioning.objects import Pin, dressed, link
from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain


async def handle(feature: Feature, req: Request, where: Where, asked: str) -> Response:
    if req.method == "POST":
        return plain(400, "POST to a specific version is not allowed")
    if not where.hidden and asked != NULL:
        return plain(400, "version-aware operations require that the container is versioned")
    try:
        version = asked if asked == NULL and req.method != "PUT" else parse_version(asked)
    except ValueError:
        return plain(400, "Invalid version parameter")
    if req.method == "PUT":
        return await _put(feature, req, where, version)
    if req.method == "DELETE":
        return await _delete(feature, req, where, version)
    if req.method not in ("GET", "HEAD"):
        return await feature.app(req)
    return await (_show_null(feature, req, where) if version == NULL else _show(feature, req, where, version))


async def _show(feature: Feature, req: Request, where: Where, version: str) -> Response:
    await admit(feature, req, where.account, where.container, None)
    response = await feature.app(request(req, req.method, where.version_path(version), req.headers, query=req.query))
    if response.header("content-type") == DELETED:
        await response.close()
        return plain(404, headers={"x-object-version-id": version, "content-type": DELETED})
    if response.ok:
        response.headers["x-object-version-id"] = version
    return response


async def _show_null(feature: Feature, req: Request, where: Where) -> Response:
    response = dressed(await feature.app(req), where)
    if response.ok and response.header("x-object-version-id") != NULL:
        await response.close()
        return plain(404)
    return response


async def _put(feature: Feature, req: Request, where: Where, version: str) -> Response:
    """Make an old version the current one again."""
    if req.length is None and req.header("transfer-encoding") != "chunked":
        return plain(411, "Missing Content-Length header.")
    first: bytes = await anext(req.body, b"") if req.body is not None and not req.length else b""
    if req.length or first:
        return plain(400, "PUT version-id requests require a zero byte body")
    await admit(feature, req, where.account, where.container, "x-container-write")
    found = await feature.app(request(req, "HEAD", where.version_path(version), query="symlink=get"))
    if found.status == 404:
        return plain(404, "The specified version does not exist")
    if not found.ok:
        return plain(503)
    req.headers["content-type"] = found.header("content-type")
    etag = found.header("x-object-sysmeta-symlink-target-etag") or found.header("etag").strip('"')
    size = found.header("x-object-sysmeta-slo-size") or found.header("content-length", "0")
    answer = await link(feature, req, where, version, Pin(etag=etag, size=size), feature.store.proxy.stamp())
    if answer.ok:
        answer.headers["etag"] = etag
    return answer


async def _delete(feature: Feature, req: Request, where: Where, version: str) -> Response:
    """Delete one version for good; when it is the current one, there is no current one any more."""
    if version == NULL:
        return await feature.app(req)
    await admit(feature, req, where.account, where.container, None)
    now = await at_name(feature, req, where.path)
    await now.close()
    linked = where.version_at(unquote(now.header("x-symlink-target"), errors="surrogateescape")) if now.header(LINK) == "true" else ""
    if linked == version:
        gone = await feature.app(request(req, "DELETE", where.path))
        if not gone.ok and gone.status != 404:
            return gone
        linked = ""
    response = await feature.app(request(req, "DELETE", where.version_path(version)))
    response.headers |= {"x-object-version-id": version, "x-object-current-version-id": linked or NULL}
    return response
