"""Accounts."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pileus.object_store.model.names import RESERVED
from pileus.object_store.model.timestamp import normal
from pileus.object_store.proxy import constraints
from pileus.object_store.proxy.ask import anyone, everyone
from pileus.object_store.proxy.best import best
from pileus.object_store.wire.message import Request, Response, Stop
from pileus.object_store.wire.status import plain

if TYPE_CHECKING:
    from pileus.object_store.proxy.proxy import Proxy


#: Shown to those only who may do everything in the account.
OF_OWNERS = ("x-account-meta-temp-url-key", "x-account-meta-temp-url-key-2")


async def show(proxy: Proxy, req: Request, account: str) -> Response:
    """HEAD, and GET: the listing of containers."""
    constraints.check_name("Account", account, proxy.limits.max_account_name_length)
    await proxy.authorized(req, None)
    if req.method == "GET":
        check_page(req, proxy.limits.account_listing_limit)
    ring = proxy.rings["account"]
    nodes = proxy.nodes(ring, ring.partition(account), shuffle=True)
    answer = await anyone(proxy, "account", nodes, req, f"/{account}", _read_headers(req))
    if answer.status == 404:
        if answer.header("x-account-status").lower() == "deleted":
            return plain(410)
        if proxy.config.account_autocreate:
            return _empty(req, proxy)
    if answer.ok and req.method == "GET":
        await _name_policies(proxy, answer)
    if answer.ok:
        answer.headers["accept-ranges"] = "bytes"
    if not req.owner:
        answer.headers = {n: v for n, v in answer.headers.items() if n not in OF_OWNERS}
    return counted_by_policy(proxy, answer)


async def create(proxy: Proxy, req: Request, account: str) -> Response:
    """PUT: only where accounts are managed by hand."""
    if not proxy.config.allow_account_management and not req.facts.get("auth.reseller"):
        return plain(405, headers={"allow": "GET, HEAD, OPTIONS, POST"})
    await proxy.authorized(req, None)
    return await _write(proxy, req, account)


async def update(proxy: Proxy, req: Request, account: str) -> Response:
    """POST: metadata. The account is made if it is not there."""
    constraints.check_name("Account", account, proxy.limits.max_account_name_length)
    await proxy.authorized(req, None)
    info = await proxy.account_info(account)
    constraints.merged_metadata(info.headers, req, "account", proxy.limits)
    answer = await _write(proxy, req, account)
    if answer.status == 404 and proxy.config.account_autocreate:
        await autocreate(proxy, req, account)
        answer = await _write(proxy, req, account)
    return answer


async def delete(proxy: Proxy, req: Request, account: str) -> Response:
    """DELETE: the reaper takes away what is in it."""
    if not proxy.config.allow_account_management and not req.facts.get("auth.reseller"):
        return plain(405, headers={"allow": "GET, HEAD, OPTIONS, POST"})
    await proxy.authorized(req, None)
    if req.query:
        return plain(400)
    return await _write(proxy, req, account)


METHODS = {"GET": show, "HEAD": show, "PUT": create, "POST": update, "DELETE": delete}


async def autocreate(proxy: Proxy, req: Request, account: str) -> None:
    """Make an account that is used for the first time. Raises Stop when it cannot be made."""
    constraints.check_name("Account", account, proxy.limits.max_account_name_length)
    made = await _write(proxy, Request("PUT", f"/v1/{account}", id=req.id), account)
    if not made.ok:
        raise Stop(plain(503, f"Unable to autocreate account {account}"))


async def _write(proxy: Proxy, req: Request, account: str) -> Response:
    constraints.check_name("Account", account, proxy.limits.max_account_name_length)
    if req.method in ("PUT", "POST"):
        constraints.check_metadata(req, "account", proxy.limits)
    ring = proxy.rings["account"]
    nodes = proxy.nodes(ring, ring.partition(account))
    headers = written_headers(proxy, req, "account")
    sent = Request(req.method, f"/{account}", id=req.id)
    answers = await everyone(proxy, "account", nodes, sent, f"/{account}", [headers] * len(nodes.primaries))
    proxy.cache.forget(f"/{account}")
    return best(answers, len(nodes.primaries))


def written_headers(proxy: Proxy, req: Request, kind: str, plain_names: tuple[str, ...] = ()) -> dict[str, str]:
    """The headers that change an account or container, with the moment at which they do."""
    kinds = (f"x-{kind}-meta-", f"x-{kind}-sysmeta-", "x-backend-")
    headers = {n: v for n, v in req.headers.items() if n.startswith(kinds) or n in plain_names}
    for name in req.headers:
        for prefix in (f"x-remove-{kind}-meta-", *(f"x-remove-{n[2:]}" for n in plain_names)):
            if name.startswith(prefix):
                headers["x-" + name.removeprefix("x-remove-")] = ""
    return headers | {"x-timestamp": req.facts.get("timestamp") or proxy.stamp()}


def only_owners(req: Request, names: tuple[str, ...]) -> None:
    """Leave out what only those may change who may do everything in the account; features may, too."""
    if not req.owner and not req.facts.get("auth.trusted"):
        of_owners = {*names, *(n.replace("x-", "x-remove-", 1) for n in names)}
        req.headers = {n: v for n, v in req.headers.items() if n not in of_owners}


def check_page(req: Request, most: int) -> None:
    """Raises Stop for what no page of a listing can be."""
    params = req.params
    text = params.get("limit", "")
    if text.isascii() and text.isdigit() and int(text) > most:
        raise Stop(plain(412, f"Maximum limit is {most}"))
    for name in ("marker", "end_marker", "prefix", "delimiter", "path"):
        if not constraints.is_text(params.get(name, "").replace(RESERVED, "")):
            raise Stop(plain(400, f'"{name}" parameter not valid UTF-8'))


async def _name_policies(proxy: Proxy, answer: Response) -> None:
    """In the listing, the policies of containers by their names."""
    rows = msgspec.json.decode(await answer.read())
    for row in rows:
        policy = proxy.policies.get(row.pop("storage_policy_index", 0))
        if policy is not None and "name" in row:
            row["storage_policy"] = policy.name
    answer.body = msgspec.json.encode(rows)
    answer.headers["content-length"] = str(len(answer.body))


def counted_by_policy(proxy: Proxy, answer: Response) -> Response:
    """What is counted by policy under the policies' names."""
    for name in [n for n in answer.headers if n.startswith("x-backend-policy-")]:
        index, _, rest = name.removeprefix("x-backend-policy-").partition("-")
        policy = proxy.policies.get(int(index))
        if policy is not None:
            answer.headers[f"x-account-storage-policy-{policy.name.lower()}-{rest}"] = answer.headers[name]
    return answer


def _read_headers(req: Request) -> dict[str, str]:
    return {n: v for n, v in req.headers.items() if n.startswith("x-backend-")}


def _empty(req: Request, proxy: Proxy) -> Response:
    """An account that nobody has used yet is there, and empty."""
    now = normal(proxy.stamp())
    headers = {"x-account-container-count": "0", "x-account-object-count": "0", "x-account-bytes-used": "0", "x-timestamp": now,
               "x-put-timestamp": now, "content-type": "application/json; charset=utf-8"}
    return Response(200, headers, b"[]") if req.method == "GET" else Response(204, headers)
