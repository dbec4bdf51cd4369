"""Users of the object store's own, for stores without Keystone and for tests: they are in the configuration.

`GET /auth/v1.0` with `X-Auth-User: ACCOUNT:USER` and `X-Auth-Key` answers a token and the account's address. A user is in groups:
`.admin` owns the account, `.reseller_admin` every account, `.reseller_reader` reads every account; others are named in access
lists. With a service's token beside its own a user is in the service's groups, too. (Swift, "TempAuth".)
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hmac
from typing import Any
from urllib.parse import quote

from pileus.core.context import Context
from pileus.object_store.config import TempUser
from pileus.object_store.pipeline import acl
from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.pipeline.grants import is_granted
from pileus.object_store.pipeline.identity import Signer
from pileus.object_store.pipeline.temp_auth import account_acl
from pileus.object_store.pipeline.temp_auth.tokens import Bearer, Tokens
from pileus.object_store.wire.message import Request, Response, Stop
from pileus.object_store.wire.status import plain

ADMIN, RESELLER, READER = ".admin", ".reseller_admin", ".reseller_reader"
GROUPS = "temp_auth.groups"


class TempAuth(Feature):
    def __init__(self, *args: Any):
        super().__init__(*args)
        config = self.store.config.temp_auth
        self.config, self.users = config, {f"{user.account}:{user.user}": user for user in config.users}
        self.prefixes = tuple(prefix and prefix.rstrip("_") + "_" for prefix in config.reseller_prefixes)
        self.tokens = Tokens(self.store.hashing, self.store.clock, self.prefixes[0])

    def info(self) -> dict[str, Any]:
        return {"tempauth": {"account_acls": True}} if self.users else {}

    def wanted(self) -> bool:
        return bool(self.users)

    async def __call__(self, req: Request) -> Response:
        if req.path.startswith(self.config.auth_prefix):
            return self._log_in(req)
        bearer = self.tokens.read(req.header("x-auth-token") or req.header("x-storage-token"))
        if bearer is None or req.authorize is not None:
            return await self.app(req)
        groups = list(bearer.groups)
        if (service := self.tokens.read(req.header("x-service-token"))) is not None:
            groups += service.groups
        req.who = Context(user_id=bearer.user, user_name=bearer.user, project_id=bearer.account, project_name=bearer.account)
        req.facts[GROUPS], req.authorize = frozenset(groups), self.authorize
        self._owns(req)
        self._keep_lists(req)
        response = await self.app(req)
        if req.owner and req.path.count("/") == 2 and (kept := response.header(account_acl.KEPT)):
            response.headers[account_acl.HEADER] = kept
        return response

    # ---- logging in --------------------------------------------------------------------------------------------------
    def _log_in(self, req: Request) -> Response:
        parts = req.path[len(self.config.auth_prefix):].split("/")
        names = ("x-auth-user", "x-storage-user"), ("x-auth-key", "x-storage-pass")
        user, key = (req.header(first) or req.header(second) for first, second in names)
        if len(parts) == 3 and parts[0] == "v1" and parts[2] == "auth":
            account = parts[1]
            user = user if ":" in user else f"{account}:{user}"
        elif parts[0] in ("auth", "v1.0") and len(parts) == 1:
            account = user.rpartition(":")[0].partition(":")[0]
        else:
            return plain(400 if len(parts) <= 3 else 404)
        known = self.users.get(user)
        right = known is not None and hmac.compare_digest(known.key.encode(), key.encode("utf-8", "surrogateescape"))
        if known is None or not right or known.account != account:
            return plain(401, headers={"www-authenticate": f'Swift realm="{quote(account) or "unknown"}"'})
        return self._let_in(req, known)

    def _let_in(self, req: Request, user: TempUser) -> Response:
        token = self._token(user)
        here = f"{req.facts.get('scheme', 'http')}://{req.header('host')}"
        url = user.storage_url.replace("$HOST", here) or f"{here}/v1/{self.prefixes[0]}{user.account}"
        return Response(200, {"x-auth-token": token, "x-storage-token": token, "x-storage-url": url, "content-type": "text/plain",
                              "x-auth-token-expires": str(int(self.config.token_life_s))})

    def _token(self, user: TempUser) -> str:
        name = f"{user.account}:{user.user}"
        groups = [user.account, name, *(group for group in user.groups if group != ADMIN)]
        if ADMIN in user.groups:
            groups += [prefix + user.account for prefix in self.prefixes]
        now = self.store.clock.now().timestamp()
        return self.tokens.make(Bearer(user=name, groups=tuple(groups), expires=now + self.config.token_life_s))

    def signer(self, access: str) -> Signer | None:
        """Whose access key of S3's it is: a user's is ACCOUNT:USER, and the secret is the key that logs in."""
        user = self.users.get(access)
        if user is None:
            return None
        roles = frozenset(role.lower() for role in self.store.config.operator_roles) if ADMIN in user.groups else frozenset[str]()
        who = Context(user_id=access, user_name=user.user, project_id=user.account, project_name=user.account, roles=roles)
        return Signer(secret=user.key, who=who, token=self._token(user), prefix=self.prefixes[0])

    # ---- rights ------------------------------------------------------------------------------------------------------
    def _keep_lists(self, req: Request) -> None:
        """An account's list in the form in which it is kept. Raises Stop for what is none."""
        text = req.headers.pop(account_acl.HEADER, None)
        if text is None or req.method not in ("PUT", "POST") or req.path.count("/") != 2:
            return
        try:
            req.headers[account_acl.KEPT] = account_acl.cleaned(text)
        except ValueError as problem:
            raise Stop(plain(400, f"X-Account-Access-Control invalid: {problem}\n\nInput: {text}\n")) from None

    def _owns(self, req: Request) -> bool:
        """Whether the caller may do everything in the account."""
        groups: frozenset[str] = req.facts[GROUPS]
        account, prefix, rest = self._parts(req)
        req.owner = False
        req.facts.pop("auth.reseller", None)
        if prefix is None:
            return False
        if RESELLER in groups and self._is_open(account, prefix):
            req.owner = req.facts["auth.reseller"] = True
        elif account in groups and (rest or req.method not in ("DELETE", "PUT")):
            wanted = self.config.require_group.get(prefix.rstrip("_"), "")
            req.owner = not wanted or wanted in groups
        return req.owner

    async def authorize(self, req: Request) -> Response | None:
        if self._owns(req) or is_granted(req):
            return None
        account, prefix, rest = self._parts(req)
        if prefix is None:
            return plain(403)
        if READER in req.facts[GROUPS] and self._is_open(account, prefix) and req.method in ("GET", "HEAD"):
            return None
        return await self._by_lists(req, account, rest, req.facts[GROUPS])

    def _parts(self, req: Request) -> tuple[str, str | None, str]:
        """Account, its prefix (None: it is not ours), and what is behind it in the path."""
        account, _, rest = req.path[1:].partition("/")[2].partition("/")
        return account, next((p for p in sorted(self.prefixes, key=len, reverse=True) if account.startswith(p)), None), rest

    def _is_open(self, account: str, prefix: str) -> bool:
        """Whether it is an account of somebody's, not one of the store's own."""
        return account not in self.prefixes and not account[len(prefix):].startswith(".")

    async def _by_lists(self, req: Request, account: str, rest: str, groups: frozenset[str]) -> Response | None:
        allowed = acl.parse(req.acl)
        if allowed.lets_in_referrer(req.header("referer")) and (rest.partition("/")[2] or allowed.listings):
            return None
        if groups & set(allowed.others):
            return None
        text = (await self.store.account_info(account)).sysmeta("account", "core-access-control")
        kind = account_acl.allows(text, groups, req.method, bool(rest))
        req.owner = kind == "admin"
        return None if kind else plain(403)
