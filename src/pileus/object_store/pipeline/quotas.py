"""Quotas of containers, which owners set for themselves, and of accounts, which administrators set.

What is counted is what listings know, which may lag behind by moments: a quota is a limit to growth, not a lock. (Object
Storage guide, "Container quotas", "Account quotas".)
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.pipeline.versioning.names import hidden_of
from pileus.object_store.proxy.info import Info
from pileus.object_store.wire.message import Request, Response, Stop
from pileus.object_store.wire.status import plain

OF_CONTAINERS = ("x-container-meta-quota-bytes", "x-container-meta-quota-count")
OLD_OF_ACCOUNTS = "x-account-meta-quota-bytes"
#: x-account-quota-{bytes,count}[-policy-NAME], kept where clients cannot set them.
OF_ACCOUNTS, KEPT = "x-account-quota-", "x-account-sysmeta-quota-"
#: More than any object has: where this fits there is no limit.
ENDLESS = 1 << 62
OVER = "Upload exceeds quota."


class Quotas(Feature):
    def info(self) -> dict[str, Any]:
        return {"container_quotas": {}, "account_quotas": {}}

    def concerns(self, req: Request) -> bool:
        return req.method == "PUT" or not req.names_object

    async def __call__(self, req: Request) -> Response:
        try:
            _, account, container, obj = req.split(2, 4)
        except ValueError:
            return await self.app(req)
        if obj is not None:
            return await self._object(req, str(account), str(container))
        refusal = None
        if req.method in ("PUT", "POST"):
            refusal = self._set_account(req) if container is None else _check(req, OF_CONTAINERS)
        response = refusal or await self.app(req)
        if container is None:
            response.headers |= {OF_ACCOUNTS + n.removeprefix(KEPT): v for n, v in response.headers.items() if n.startswith(KEPT)}
        return response

    def _set_account(self, req: Request) -> Response | None:
        removed = [n for n in req.headers if n.startswith((OLD_OF_ACCOUNTS.replace("x-", "x-remove-", 1), "x-remove-account-quota-"))]
        given = [n for n in req.headers if n == OLD_OF_ACCOUNTS or n.startswith(OF_ACCOUNTS)]
        if (removed or given) and not req.facts.get("auth.reseller"):
            return plain(403)
        if (refusal := _check(req, given)) is not None:
            return refusal
        names = {p.name.lower() for p in self.store.proxy.policies}
        for name in given:
            kind, _, policy = name.removeprefix(OF_ACCOUNTS).partition("-policy-")
            if name.startswith(OF_ACCOUNTS) and (kind not in ("bytes", "count") or (policy and policy not in names)):
                return plain(400, f"No such quota: {name}")
        for name in [n for n in given if n.startswith(OF_ACCOUNTS)]:
            req.headers[KEPT + name.removeprefix(OF_ACCOUNTS)] = req.headers.pop(name)
        for name in removed:
            if name.startswith("x-remove-account-quota-"):
                req.headers[KEPT + name.removeprefix("x-remove-account-quota-")] = ""
        return None

    async def _object(self, req: Request, account: str, container: str) -> Response:
        """413 when one more object of this length would be too much, or as soon as one whose length nobody told is; who may not write
        learns nothing of quotas."""
        of_container, of_account = await self.store.container_info(account, container), await self.store.account_info(account)
        if _limited(of_container):
            self.store.proxy.cache.forget(f"/{account}/{container}")        # it is counted anew for each object
            of_container = await self.store.container_info(account, container)
        versions = await self._in_versions(account, of_container)

        def fits(more: int) -> bool:
            if _limited(of_container) and _container_full(of_container, versions + more):
                return False
            if req.facts.get("auth.reseller") or not self._account_full(of_account, of_container.policy, more):
                return True
            self.store.proxy.cache.forget(f"/{account}")
            return False

        if fits(req.length or 0):
            if req.length is None and req.body is not None and not fits(ENDLESS):
                req.body = _measured(req.body, fits)
            return await self.app(req)
        asked = req.child(req.method)
        asked.acl = of_container.headers.get("x-container-write")
        refusal = await req.authorize(asked) if req.authorize is not None else None
        return refusal or plain(413, OVER)

    async def _in_versions(self, account: str, container: Info) -> int:
        """The bytes of a limited container's versions."""
        hidden = hidden_of(container) if _limited(container) else ""
        if not hidden:
            return 0
        self.store.proxy.cache.forget(f"/{account}/{hidden}")
        return (await self.store.container_info(account, hidden)).number("x-container-bytes-used")

    def _account_full(self, info: Info, policy: int, more: int) -> bool:
        if not any("quota" in name for name in info.headers):
            return False
        name = next((p.name.lower() for p in self.store.proxy.policies if p.index == policy), "")
        used = {"bytes": info.number("x-account-bytes-used"), "count": info.number("x-account-object-count")}
        in_policy = {"bytes": info.number(f"x-backend-policy-{policy}-bytes-used"),
                     "count": info.number(f"x-backend-policy-{policy}-object-count")}
        adds = {"bytes": more, "count": 1}
        return _too_much(info.meta("account", "quota-bytes"), used["bytes"], more) or any(
            _too_much(info.sysmeta("account", f"quota-{kind}"), used[kind], adds[kind])
            or _too_much(info.sysmeta("account", f"quota-{kind}-policy-{name}"), in_policy[kind], adds[kind]) for kind in used)


async def _measured(body: AsyncIterator[bytes], fits: Callable[[int], bool]) -> AsyncGenerator[bytes]:
    """Raises Stop as soon as it is too long."""
    size = 0
    async for chunk in body:
        size += len(chunk)
        if not fits(size):
            raise Stop(plain(413, OVER))
        yield chunk


def _container_full(info: Info, more: int) -> bool:
    return _too_much(info.meta("container", "quota-bytes"), info.number("x-container-bytes-used"), more) \
        or _too_much(info.meta("container", "quota-count"), info.number("x-container-object-count"), 1)


def _limited(container: Info) -> bool:
    return any(name in container.headers for name in OF_CONTAINERS)


def _check(req: Request, names: Any) -> Response | None:
    for name in names:
        value = req.header(name)
        if value and not (value.isascii() and value.isdigit()):
            return plain(400, f"Invalid {name.rpartition('-')[2]} quota.")
    return None


def _too_much(most: str, used: int, more: int) -> bool:
    return most.isdigit() and used + more > int(most)
