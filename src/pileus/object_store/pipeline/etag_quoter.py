"""ETags in quotes, as HTTP has them, for clients that insist: Swift never had any, and so an account or a container asks for it.

`X-Account-Rfc-Compliant-Etags`, `X-Container-Rfc-Compliant-Etags`; the container's word goes before the account's.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.wire.message import Request, Response, is_true

NAME = "rfc-compliant-etags"


class EtagQuoter(Feature):
    def info(self) -> dict[str, Any]:
        return {"etag_quoter": {"enable_by_default": self.store.config.quote_etags}}

    async def __call__(self, req: Request) -> Response:
        try:
            _, account, container, obj = req.split(2, 4)
        except ValueError:
            return await self.app(req)
        if obj is None:
            return await self._settings(req, "account" if container is None else "container")
        response = await self.app(req)
        etag = response.header("etag")
        if etag and not etag.startswith(('"', 'W/"')) and await self._wanted(str(account), str(container)):
            response.headers["etag"] = f'"{etag}"'
        return response

    async def _settings(self, req: Request, kind: str) -> Response:
        said, kept = f"x-{kind}-{NAME}", f"x-{kind}-sysmeta-{NAME}"
        if said in req.headers:
            req.headers[kept] = str(is_true(req.headers[said])) if req.headers[said] else ""
        if req.header(said.replace("x-", "x-remove-", 1)):
            req.headers[kept] = ""
        response = await self.app(req)
        if kept in response.headers:
            response.headers[said] = response.headers[kept]
        return response

    async def _wanted(self, account: str, container: str) -> bool:
        word = (await self.store.container_info(account, container)).sysmeta("container", NAME)
        if not word:
            word = (await self.store.account_info(account)).sysmeta("account", NAME)
        return is_true(word) if word else self.store.config.quote_etags
