"""A store, or an account, that is only read: while it moves, or when what it costs has not been paid."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from urllib.parse import unquote

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.wire.message import Request, Response, is_true
from pileus.object_store.wire.status import plain

WRITES = frozenset({"COPY", "DELETE", "POST", "PUT"})
NAME = "read-only"


class ReadOnly(Feature):
    def concerns(self, req: Request) -> bool:
        return req.method in WRITES

    async def __call__(self, req: Request) -> Response:
        try:
            _, account, container, _ = req.split(2, 4)
        except ValueError:
            return await self.app(req)
        if container is None:
            # The account itself can still be changed: administrators say here whether it is read only.
            return await self._settings(req)
        if req.method == "DELETE" and self.store.config.read_only_allow_deletes:
            return await self.app(req)
        accounts = {str(account)}
        if req.method == "COPY":
            accounts = {unquote(req.header("destination-account")) or str(account)}
        for name in accounts:
            word = (await self.store.account_info(name)).sysmeta("account", NAME)
            if is_true(word) if word else self.store.config.read_only:
                return plain(405, "Writes are disabled for this account.")
        return await self.app(req)

    async def _settings(self, req: Request) -> Response:
        said, kept = f"x-account-{NAME}", f"x-account-sysmeta-{NAME}"
        if said in req.headers or f"x-remove-account-{NAME}" in req.headers:
            if not req.facts.get("auth.reseller"):
                return plain(403)
            req.headers[kept] = str(is_true(req.headers[said])) if req.header(said) else ""
        response = await self.app(req)
        if kept in response.headers:
            response.headers[said] = response.headers[kept]
        return response
