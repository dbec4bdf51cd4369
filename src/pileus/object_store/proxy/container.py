"""Containers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pileus.object_store.proxy import constraints
from pileus.object_store.proxy.account import autocreate, check_page, only_owners, written_headers
from pileus.object_store.proxy.ask import anyone, everyone
from pileus.object_store.proxy.best import best
from pileus.object_store.proxy.info import Info
from pileus.object_store.wire.message import Request, Response, Stop, is_true
from pileus.object_store.wire.status import plain

if TYPE_CHECKING:
    from pileus.object_store.proxy.proxy import Proxy

#: Headers besides metadata that a container keeps.
PLAIN = ("x-container-read", "x-container-write", "x-container-sync-key", "x-container-sync-to")
#: Shown to those only who may do everything in the account.
OF_OWNERS = (*PLAIN, "x-container-meta-temp-url-key", "x-container-meta-temp-url-key-2")


async def show(proxy: Proxy, req: Request, account: str, container: str) -> Response:
    """HEAD, and GET: the listing of objects."""
    if req.method == "GET":
        check_page(req, proxy.limits.container_listing_limit)
    info = await proxy.container_info(account, container)
    req.facts["acl.domain"] = info.sysmeta("container", "acl-domain")
    await proxy.authorized(req, info.headers.get("x-container-read"))
    await _account(proxy, account)
    ring = proxy.rings["container"]
    nodes = proxy.nodes(ring, ring.partition(account, container), shuffle=True)
    headers = {n: v for n, v in req.headers.items() if n.startswith("x-backend-")}
    answer = await anyone(proxy, "container", nodes, req, f"/{account}/{container}", headers)
    if answer.ok:
        answer.headers["accept-ranges"] = "bytes"
        index = int(answer.header("x-backend-storage-policy-index", "0"))
        if (policy := proxy.policies.get(index)) is not None:
            answer.headers["x-storage-policy"] = policy.name
        if sharding := answer.header("x-container-sysmeta-sharding"):
            answer.headers["x-container-sharding"] = str(is_true(sharding))
        if not req.owner:
            answer.headers = {n: v for n, v in answer.headers.items() if n not in OF_OWNERS}
    return answer


async def create(proxy: Proxy, req: Request, account: str, container: str) -> Response:
    """PUT."""
    await proxy.authorized(req, None)
    only_owners(req, OF_OWNERS)
    constraints.check_metadata(req, "container", proxy.limits)
    constraints.check_name("Container", container, proxy.limits.max_container_name_length)
    headers = written_headers(proxy, req, "container", PLAIN)
    if name := req.header("x-storage-policy"):
        policy = proxy.policies.named(name)
        if policy is None or (policy.deprecated and not (await proxy.container_info(account, container)).exists):
            return plain(400, f"Invalid X-Storage-Policy '{name}'")
        headers["x-backend-storage-policy-index"] = str(policy.index)
    headers["x-backend-storage-policy-default"] = str(proxy.policies.default.index)
    headers |= _sharding(req)
    if not (await _account(proxy, account, missing_ok=True)).exists:
        if not proxy.config.account_autocreate:
            return plain(404)
        await autocreate(proxy, req, account)
    return await _write(proxy, req, account, container, headers)


async def update(proxy: Proxy, req: Request, account: str, container: str) -> Response:
    """POST: metadata and access lists."""
    info = await proxy.container_info(account, container)
    await proxy.authorized(req, None)
    only_owners(req, OF_OWNERS)
    constraints.check_metadata(req, "container", proxy.limits)
    constraints.merged_metadata(info.headers, req, "container", proxy.limits)
    await _account(proxy, account)
    return await _write(proxy, req, account, container, written_headers(proxy, req, "container", PLAIN) | _sharding(req))


async def delete(proxy: Proxy, req: Request, account: str, container: str) -> Response:
    """DELETE: 409 unless it is empty."""
    await proxy.authorized(req, None)
    await _account(proxy, account)
    return await _write(proxy, req, account, container, {"x-timestamp": req.facts.get("timestamp") or proxy.stamp()})


def _sharding(req: Request) -> dict[str, str]:
    """Whether the container is to have shards, if somebody who manages accounts says so."""
    if "x-container-sharding" not in req.headers or not req.facts.get("auth.reseller"):
        return {}
    return {"x-container-sysmeta-sharding": str(is_true(req.header("x-container-sharding")))}


METHODS = {"GET": show, "HEAD": show, "PUT": create, "POST": update, "DELETE": delete}


async def remove(proxy: Proxy, account: str, container: str, more: Mapping[str, str] | None = None) -> Response:
    """Delete a container of an account that is itself deleted, or hidden."""
    headers = {"x-timestamp": proxy.stamp(), "x-account-override-deleted": "yes", **(more or {})}
    return await _write(proxy, Request("DELETE", f"/v1/{account}/{container}"), account, container, headers)


async def make(proxy: Proxy, path: tuple[str, str], policy: int, metadata: Mapping[str, str]) -> Response:
    """Make a container of a hidden account."""
    account, container = path
    headers = {"x-timestamp": proxy.stamp(), "x-backend-storage-policy-index": str(policy), **metadata}
    return await _write(proxy, Request("PUT", f"/v1/{account}/{container}"), account, container, headers)


async def _account(proxy: Proxy, account: str, *, missing_ok: bool = False) -> Info:
    """The account. Raises Stop when there is none."""
    info = await proxy.account_info(account)
    if info.status >= 500:
        raise Stop(plain(503))
    if not info.exists and not missing_ok:
        raise Stop(plain(404))
    return info


async def _write(proxy: Proxy, req: Request, account: str, container: str, headers: dict[str, str]) -> Response:
    accounts, containers = proxy.rings["account"], proxy.rings["container"]
    account_part = accounts.partition(account)
    nodes = proxy.nodes(containers, containers.partition(account, container))
    each = [dict(headers) for _ in nodes.primaries]
    # Every account server is told by one container server.
    for place, node in enumerate(accounts.primaries(account_part)):
        own = each[place % len(each)]
        own["x-account-partition"] = str(account_part)
        for name, value in (("x-account-host", f"{node.device.ip}:{node.device.port}"), ("x-account-device", node.device.device)):
            own[name] = f"{own[name]},{value}" if name in own else value
    sent = Request(req.method, f"/{account}/{container}", id=req.id)
    answers = await everyone(proxy, "container", nodes, sent, f"/{account}/{container}", each)
    proxy.cache.forget(f"/{account}/{container}")
    proxy.cache.forget(f"/{account}")
    return best(answers, len(nodes.primaries))
