"""Containers with versions: switching it on and off, deleting, what they use."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.pipeline.versioning import listings
from pileus.object_store.pipeline.versioning.hidden import request
from pileus.object_store.pipeline.versioning.names import CONTAINER, ENABLED, container_of, hidden_of, quoted
from pileus.object_store.proxy.info import Info
from pileus.object_store.wire.message import Request, Response, is_true
from pileus.object_store.wire.status import plain

SWITCH = "x-versions-enabled"
USED = "x-container-bytes-used"


async def handle(feature: Feature, req: Request, account: str, container: str) -> Response:
    if req.method in ("PUT", "POST") and SWITCH in req.headers:
        return await _switch(feature, req, account, container)
    if req.method == "DELETE":
        return await _delete(feature, req, account, container)
    if req.method not in ("GET", "HEAD"):
        return await feature.app(req)
    response = await feature.app(req)
    if not response.ok:
        return response
    hidden = hidden_of(Info(status=200, headers=response.headers))
    if ENABLED in response.headers:
        response.headers[SWITCH] = response.headers[ENABLED]
    if hidden and USED in response.headers:
        used = await feature.app(request(req, "HEAD", f"/v1/{account}/{hidden}"))
        response.headers[USED] = str(int(response.header(USED)) + int(used.header(USED, "0")))
    if req.method == "GET":
        return await listings.of_container(feature, req, response, hidden or container_of(container))
    return response


async def _switch(feature: Feature, req: Request, account: str, container: str) -> Response:
    info = await feature.store.container_info(account, container)
    if info.sysmeta("container", "versions-location"):
        return plain(400, "Cannot enable object versioning on a container that is already using the legacy versioned writes feature.")
    if info.headers.get("x-container-sync-to"):
        return plain(400, "Cannot enable object versioning on a container configured as source of container syncing.")
    enabled = is_true(req.headers.pop(SWITCH))
    req.headers[ENABLED] = str(enabled)
    path, made = f"/v1/{account}/{container_of(container)}", False
    if enabled:
        refusal = await _authorized(feature, req)
        if refusal is not None:
            return refusal
        policy = feature.store.proxy.policies.get(info.policy) if info.exists else None
        if policy is not None and policy.deprecated:
            return plain(400, "Cannot enable object versioning on a container that uses a deprecated storage policy.")
        wanted = policy.name if policy is not None else req.header("x-storage-policy") if req.method == "PUT" else ""
        hidden = await feature.app(request(req, "PUT", path, {"x-storage-policy": wanted} if wanted else {}))
        if not hidden.ok and hidden.status != 409:
            return plain(500, "Error enabling object versioning")
        made = hidden.status == 201
        req.headers[CONTAINER] = quoted(container_of(container))
    response = await feature.app(req)
    if made and not response.ok:
        await (await feature.app(request(req, "DELETE", path))).close()
    return response


async def _authorized(feature: Feature, req: Request) -> Response | None:
    """Who may not change the container makes no hidden one either."""
    req.acl = None
    return await req.authorize(req) if req.authorize is not None else None


async def _delete(feature: Feature, req: Request, account: str, container: str) -> Response:
    """409 as long as there are versions; the hidden container goes with its own."""
    hidden = hidden_of(await feature.store.container_info(account, container))
    if hidden:
        if (refusal := await _authorized(feature, req)) is not None:
            return refusal
        kept = await feature.app(request(req, "HEAD", f"/v1/{account}/{hidden}"))
        if int(kept.header("x-container-object-count", "0")):
            return plain(409, "Delete all versions before deleting container.")
        gone = await feature.app(request(req, "DELETE", f"/v1/{account}/{hidden}"))
        if not gone.ok and gone.status != 404:
            return plain(409 if gone.status == 409 else 500, "Error deleting versioned container")
    return await feature.app(req)
