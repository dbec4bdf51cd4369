"""Quotas of containers, which owners set for themselves, and of accounts, which administrators set.

What is counted is what listings know, which may lag behind by moments: a quota is a limit to growth, not a lock. (Object
Storage guide, "Container quotas", "Account quotas".)
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.proxy.info import Info
from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain

OF_CONTAINERS = ("x-container-meta-quota-bytes", "x-container-meta-quota-count")
OF_ACCOUNTS = ("x-account-meta-quota-bytes", "x-account-meta-quota-count")


class Quotas(Feature):
    def info(self) -> dict[str, Any]:
        return {"container_quotas": {}, "account_quotas": {}}

    async def __call__(self, req: Request) -> Response:
        try:
            _, account, container, obj = req.split(2, 4)
        except ValueError:
            return await self.app(req)
        refusal = None
        if obj is not None and req.method == "PUT":
            refusal = await self._over(req, str(account), str(container))
        elif req.method in ("PUT", "POST"):
            refusal = self._set(req, OF_ACCOUNTS if container is None else OF_CONTAINERS)
        return refusal or await self.app(req)

    def _set(self, req: Request, names: tuple[str, ...]) -> Response | None:
        removed = [name.replace("x-", "x-remove-", 1) for name in names]
        if names is OF_ACCOUNTS and any(name in req.headers for name in (*names, *removed)) and not req.facts.get("auth.reseller"):
            return plain(403)
        for name in names:
            value = req.header(name)
            if value and not (value.isascii() and value.isdigit()):
                return plain(400, f"Invalid {name.rpartition('-')[2]} quota.")
        return None

    async def _over(self, req: Request, account: str, container: str) -> Response | None:
        """413 when one more object of this length would be too much; who may not write learns nothing of quotas."""
        for kind, info in (("container", await self.store.container_info(account, container)),
                           ("account", await self.store.account_info(account))):
            if kind == "account" and req.facts.get("auth.reseller"):
                continue
            if _too_much(kind, info, req.length or 0):
                self.store.proxy.cache.forget(f"/{account}/{container}" if kind == "container" else f"/{account}")
                refusal = await req.authorize(_with_list(req, info)) if req.authorize is not None else None
                return refusal or plain(413, "Upload exceeds quota.")
        return None


def _with_list(req: Request, info: Info) -> Request:
    asked = req.child(req.method)
    asked.acl = info.headers.get("x-container-write")
    return asked


def _too_much(kind: str, info: Info, more: int) -> bool:
    most_bytes, most_objects = info.meta(kind, "quota-bytes"), info.meta(kind, "quota-count")
    if most_bytes.isdigit() and info.number(f"x-{kind}-bytes-used") + more > int(most_bytes):
        return True
    return most_objects.isdigit() and info.number(f"x-{kind}-object-count") + 1 > int(most_objects)
