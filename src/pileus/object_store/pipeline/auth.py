"""Who asks, by Keystone's tokens, and what that lets them do.

Operators of a project own its account. Accounts with the services' prefix want a service's token beside the user's, so that
users cannot touch what a service keeps for them. Everybody else needs an access list, or is an administrator of all accounts.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote

from pileus.core.context import Context
from pileus.core.errors import Unauthenticated, Unavailable
from pileus.object_store.pipeline import acl
from pileus.object_store.pipeline.feature import Feature, Store
from pileus.object_store.pipeline.grants import is_granted
from pileus.object_store.wire.message import Handler, Request, Response, Stop
from pileus.object_store.wire.status import plain

DEFAULT_DOMAIN = "default"
LISTS = ("x-container-read", "x-container-write")
#: In which domain the project was when a list was set: names in it mean nothing elsewhere.
DOMAIN = "x-container-sysmeta-acl-domain"


class Auth(Feature):
    def __init__(self, app: Handler, store: Store):
        super().__init__(app, store)
        config = store.config
        self.operators, self.readers = lowered(frozenset(config.operator_roles)), lowered(frozenset(config.reader_roles))
        self.services, self.reseller = lowered(frozenset(config.service_roles)), config.reseller_admin_role.lower()

    async def __call__(self, req: Request) -> Response:
        if self.store.identify is not None and req.who is None and (token := req.header("x-auth-token") or req.header("x-storage-token")):
            try:
                req.who = await self.store.identify(token, req.header("x-service-token") or None, request_id=req.id,
                                                    method=req.method, path=req.path)
            except Unauthenticated:
                return self.challenge(req)
            except Unavailable:
                return plain(503)
        if req.authorize is None and not req.facts.get("auth.trusted"):
            self._owns(req)
            req.authorize = self.authorize      # asked of sub-requests, too: in other accounts the caller may own less
        self._keep_lists(req)
        response = await self.app(req)
        if req.owner and req.who is not None and req.who.project_domain_id and _account(req) and req.path.count("/") == 2:
            response.headers["x-account-project-domain-id"] = req.who.project_domain_id
        return response

    def _owns(self, req: Request) -> None:
        """Whether the caller may do everything in the account."""
        who = req.who
        req.owner = False
        req.facts.pop("auth.reseller", None)
        if who is None:
            return
        if self.reseller in lowered(who.roles):
            req.owner = True
            req.facts["auth.reseller"] = True
        elif self._is_of(who, _account(req)):
            req.owner = bool(who.roles & self.operators) and self._vouched(who, _account(req))

    def _is_of(self, who: Context, account: str) -> bool:
        """Whether the account is that of the caller's project."""
        return bool(who.project_id) and account in (self.store.config.reseller_prefix + who.project_id,  # type: ignore[operator]
                                                    self.store.config.service_prefix + who.project_id)   # type: ignore[operator]

    def _vouched(self, who: Context, account: str) -> bool:
        """Whether a service vouches for the request, where that is needed."""
        config = self.store.config
        if not config.service_prefix or not account.startswith(config.service_prefix):
            return True
        return bool(lowered(who.service_roles) & self.services)

    async def authorize(self, req: Request) -> Response | None:
        self._owns(req)
        if req.method == "DELETE" and req.path.count("/") == 2 and not req.facts.get("auth.reseller"):
            return plain(403) if req.who is not None else self.challenge(req)   # nobody deletes an account, not even his own
        if req.owner or is_granted(req):
            return None
        allowed = acl.parse(req.acl)
        if req.who is not None and self._lets_in(req, req.who, allowed):
            return None
        has_object = req.path.count("/") >= 4 and not req.path.endswith("/")
        if (has_object or allowed.listings) and allowed.lets_in_referrer(req.header("referer")):
            return None
        return plain(403) if req.who is not None else self.challenge(req)

    def _lets_in(self, req: Request, who: Context, allowed: acl.AccessList) -> bool:
        if not self._vouched(who, _account(req)):
            return False
        domains = {who.user_domain_id, who.project_domain_id, req.facts.get("acl.domain") or DEFAULT_DOMAIN}
        if allowed.lets_in_user(who, by_name=domains == {DEFAULT_DOMAIN}):
            return True
        if not self._is_of(who, _account(req)):
            return False
        reads = req.method in ("GET", "HEAD") and who.roles & self.readers
        return bool(reads) or allowed.names_role(who.roles)

    def _keep_lists(self, req: Request) -> None:
        """Access lists in the form in which they are kept. Raises Stop for what is none."""
        for name in LISTS:
            if req.method in ("PUT", "POST") and req.path.count("/") == 3 and (text := req.header(name)):
                try:
                    req.headers[name] = acl.clean(name, text)
                except ValueError as problem:
                    raise Stop(plain(400, str(problem))) from None
                if req.who is not None and req.who.project_domain_id:
                    req.headers[DOMAIN] = req.who.project_domain_id

    def challenge(self, req: Request) -> Response:
        account = _account(req) or "unknown"
        return plain(401, headers={"www-authenticate": f'Swift realm="{quote(account, errors="surrogateescape")}"'})


@lru_cache(1024)
def lowered(roles: frozenset[str]) -> frozenset[str]:
    return frozenset(role.lower() for role in roles)


def _account(req: Request) -> str:
    return req.path.split("/", 3)[2] if req.path.count("/") >= 2 else ""
