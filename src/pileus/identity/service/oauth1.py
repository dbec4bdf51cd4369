"""OAuth 1.0a: an application (consumer) acts for a user on one project, with roles the user chose, and never sees a password.

The application asks for a request token, the user authorizes it, the application turns it, once, into an access token, and
signs with that to get tokens. Every signature is good once and soon: its nonce is remembered as long as its date would do.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta

from pileus.core.errors import Unauthenticated
from pileus.identity.errors import OAuthTokenNotFound, RoleNotFound
from pileus.identity.keys import Keys
from pileus.identity.model import AccessToken, RequestToken, Role
from pileus.identity.oauth1_signatures import SignedRequest, fits
from pileus.identity.service.assignments import Assignments
from pileus.identity.service.core import Core
from pileus.identity.service.delegation import pick
from pileus.identity.service.generations import TOKENS
from pileus.identity.service.logins import Logins
from pileus.identity.service.tokens import Verified
from pileus.identity.store.base import Filter

#: How far a signature's date may be from now.
WITHIN = timedelta(minutes=10)


class OAuth1:
    def __init__(self, core: Core, keys: Keys, assignments: Assignments, logins: Logins):
        self.core, self.db, self.keys, self.assignments, self.logins = core, core.db, keys, assignments, logins
        self.requests, self.accesses, self.nonces = core.store.request_tokens, core.store.access_tokens, core.store.nonces

    async def request(self, signed: SignedRequest, project_id: str) -> tuple[RequestToken, str]:
        """A token by which the application asks for a project, and its secret."""
        await self._check(signed, "")
        secret = self.core.ids.secret(16).hex()
        token = RequestToken(
            id=self.core.ids.hex(),
            consumer_id=signed.consumer,
            project_id=project_id,
            sealed=self.keys.seal(secret.encode()),
            expires_at=self._end(self.core.config.oauth1_request_token_duration_s),
        )
        async with self.db.transaction():
            await self.core.store.projects.get(project_id, lock=True)
            await self.requests.add(token)
        return token, secret

    async def authorize(self, id: str, user_id: str, roles: list[tuple[str | None, str | None]]) -> str:
        """By the user, who lends these roles; the verifier that proves it. Raises Unauthenticated for roles they do not have."""
        verifier = self.core.ids.secret(16).hex()
        async with self.db.transaction():
            token = await self.requests.get(id, lock=True)
            self._check_end(token.expires_at)
            held = await self.assignments.on_project(user_id, await self.core.store.projects.get(token.project_id))
            try:
                lent = tuple(dict.fromkeys(pick(held, role_id, name).id for role_id, name in roles))
            except RoleNotFound:
                raise Unauthenticated("authorizing user does not have role required") from None
            await self.requests.change(token, {"user_id": user_id, "roles": lent, "verifier": verifier})
        return verifier

    async def access(self, signed: SignedRequest) -> tuple[AccessToken, str]:
        """An access token, and its secret, for a request token that a user has authorized. It is used up."""
        asked = await self.requests.get(signed.token)
        self._check_end(asked.expires_at)
        if asked.consumer_id != signed.consumer:
            raise Unauthenticated()
        await self._check(signed, self._secret(asked.sealed))
        given = signed.said.get("oauth_verifier", "")
        if asked.user_id is None or not hmac.compare_digest((asked.verifier or "").encode(), given.encode("utf-8", "replace")):
            raise Unauthenticated()
        secret = self.core.ids.secret(16).hex()
        token = AccessToken(
            id=self.core.ids.hex(),
            consumer_id=asked.consumer_id,
            project_id=asked.project_id,
            user_id=asked.user_id,
            sealed=self.keys.seal(secret.encode()),
            roles=asked.roles,
            expires_at=self._end(self.core.config.oauth1_access_token_duration_s),
        )
        async with self.db.transaction():
            await self.requests.remove(asked.id)
            await self.accesses.add(token)
        return token, secret

    async def log_in(self, signed: SignedRequest) -> Verified:
        """A token for who signed with an access token. Raises Unauthenticated."""
        generation = (await self.core.generations.read())[TOKENS]
        token = await self.accesses.find(signed.token)
        if token is None or token.consumer_id != signed.consumer:
            raise Unauthenticated()
        self._check_end(token.expires_at)
        await self._check(signed, self._secret(token.sealed))
        return await self.logins.issue_authorized(token, generation)

    # ---- what users have given ---------------------------------------------------------------------------------------
    async def of_user(self, user_id: str) -> list[AccessToken]:
        return await self.accesses.matching([Filter("user_id", "equals", user_id)])

    async def get(self, user_id: str, id: str) -> AccessToken:
        """Of this user: everybody else's are not there."""
        found = await self.accesses.get(id)
        if found.user_id != user_id:
            raise OAuthTokenNotFound(id=id)
        return found

    async def delete(self, user_id: str, id: str) -> None:
        """What was had by it ends with it."""
        async with self.db.transaction():
            await self.accesses.remove((await self.get(user_id, id)).id)
            await self.core.generations.raise_()

    async def roles(self, token: AccessToken) -> list[Role]:
        return await self.core.store.roles.some(token.roles)

    async def role(self, token: AccessToken, id: str) -> Role:
        if id not in token.roles:
            raise RoleNotFound(id=id)
        return await self.core.store.roles.get(id)

    async def remove_expired(self) -> int:
        return await self.nonces.remove_expired(self.core.clock.now())

    async def _check(self, signed: SignedRequest, token_secret: str) -> None:
        """Raise Unauthenticated unless the consumer has signed it, just now, and for the first time."""
        consumer = await self.core.store.consumers.find(signed.consumer)
        fitting = fits(signed, self._secret(consumer.sealed) if consumer is not None else "nobodys", token_secret)
        if consumer is None or not fitting:
            raise Unauthenticated()
        said = signed.said
        nonce, stamp, now = said.get("oauth_nonce", ""), said.get("oauth_timestamp", ""), self.core.clock.now()
        if not nonce or not stamp.isdecimal() or abs(int(stamp) - now.timestamp()) > WITHIN.total_seconds():
            raise Unauthenticated()
        once = hashlib.sha256(f"{stamp} {signed.token} {nonce}".encode("utf-8", "replace")).hexdigest()
        if not await self.nonces.use(consumer.id, once, now + 2 * WITHIN):
            raise Unauthenticated()

    def _secret(self, sealed: str) -> str:
        opened = self.keys.open_token(sealed)
        if opened is None:
            raise Unauthenticated()
        return opened.decode()

    def _end(self, seconds: int) -> datetime | None:
        return self.core.clock.now() + timedelta(seconds=seconds) if seconds else None

    def _check_end(self, end: datetime | None) -> None:
        if end is not None and end <= self.core.clock.now():
            raise Unauthenticated()
