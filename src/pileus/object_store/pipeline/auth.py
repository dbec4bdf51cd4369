"""Who asks, by Keystone's tokens, and what that lets them do: the operators of a project own its account."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.errors import Unauthenticated
from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain


class Auth(Feature):
    async def __call__(self, req: Request) -> Response:
        if self.store.identify is not None and req.who is None and (token := req.header("x-auth-token") or req.header("x-storage-token")):
            try:
                req.who = await self.store.identify(token, req.header("x-service-token") or None, request_id=req.id)
            except Unauthenticated:
                return self.challenge(req)
        if req.authorize is None:
            self._owns(req)
            req.authorize = self.authorize
        return await self.app(req)

    def _owns(self, req: Request) -> None:
        """Whether the caller may do everything in the account."""
        config, who = self.store.config, req.who
        if who is None:
            return
        account = req.path.split("/", 3)[2] if req.path.count("/") >= 2 else ""
        roles = {r.lower() for r in who.roles}
        if config.reseller_admin_role.lower() in roles:
            req.owner = True
            req.facts["auth.reseller"] = True
        elif who.project_id and account == config.reseller_prefix + who.project_id:
            req.owner = bool(roles & {r.lower() for r in config.operator_roles})

    async def authorize(self, req: Request) -> Response | None:
        if req.owner:
            return None
        return plain(403) if req.who is not None else self.challenge(req)

    def challenge(self, req: Request) -> Response:
        return plain(401, headers={"www-authenticate": 'Swift realm="unknown"'})
