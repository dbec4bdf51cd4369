"""Logins: from proofs of who somebody is to a token for what they want to act on.

Every refusal is the same Unauthenticated. What is not the same must at least take the same time: a user who does not exist
costs as much as a wrong password.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Hashable
from datetime import timedelta

import msgspec

from pileus.core.errors import Unauthenticated
from pileus.identity.errors import Refused, TokenNotFound
from pileus.identity.model import AccessToken, ApplicationCredential, Credential, Login, PasswordUser, Scope, Trust, TrustRef, User, UserRef
from pileus.identity.passwords import Passwords
from pileus.identity.payload import BOUND, EC2_KEYS, LONGEST_CHAIN, OAUTH1, PROJECT, Payload, audit_id
from pileus.identity.service.compliance import Compliance
from pileus.identity.service.core import Core
from pileus.identity.service.factors import Factors
from pileus.identity.service.generations import TOKENS
from pileus.identity.service.proofs import Proofs, Proven
from pileus.identity.service.scopes import trust_of
from pileus.identity.service.throttle import Throttle
from pileus.identity.service.tokens import Tokens, Verified

#: Logins remembered: who was meant, and what for.
REMEMBERED = 10_000
PASSWORD = frozenset({"password"})


class Resolved(msgspec.Struct, frozen=True):
    """What the names of a login stand for, as of a generation, and the hash of the password that proves it."""

    generation: int
    user: User
    hash: str
    scope: int
    target_id: str | None


class Logins:
    def __init__(
        self,
        core: Core,
        passwords: Passwords,
        tokens: Tokens,
        proofs: Proofs,
        factors: Factors,
        compliance: Compliance,
        throttle: Throttle,
    ):
        """`proofs` and `factors` say who somebody is; `compliance` and `throttle` may still refuse them."""
        self.compliance, self.throttle = compliance, throttle
        self.core, self.passwords, self.tokens = core, passwords, tokens
        self.scopes, self.proofs, self.factors = proofs.scopes, proofs, factors
        self.cache: dict[tuple[UserRef, Scope | str | None], Resolved] = {}

    async def log_in(self, login: Login) -> Verified:
        """A token. Raises Unauthenticated, Invalid for a request that contradicts itself, TokenNotFound for a token that proves nothing."""
        account = _account(login)
        if account is None:
            return await self._log_in(login)
        async with self.throttle.attempt(login.source, account):
            return await self._log_in(login)

    async def _log_in(self, login: Login) -> Verified:
        # Read before the proofs are looked at: what is revoked from now on, revokes this token too.
        generation = (await self.core.generations.read())[TOKENS]
        if login.application_credential is not None:
            return await self._by_application_credential(login, generation)
        others = (login.token, login.totp, login.receipt, login.remote)
        if login.password is not None and all(proof is None for proof in others):
            return await self._by_password(login.password, login.scope, generation)
        return await self._for_scope(await self._prove(login, generation), login.scope)

    async def issue_federated(self, proven: Proven, scope: Scope | str) -> Verified:
        """A token for somebody whom an identity provider has identified."""
        return await self._for_scope(proven, scope)

    async def issue_signed(self, keys: Credential, generation: int) -> Verified:
        """A token for somebody who signed with the keys they have for a project. `generation`: read before they were looked at."""
        methods = frozenset({EC2_KEYS})
        proven = Proven(user_id=keys.user_id, methods=methods, generation=generation, credential_id=keys.id)
        return await self._issue(proven, PROJECT, keys.project_id)

    async def issue_authorized(self, access: AccessToken, generation: int) -> Verified:
        """A token for an application that signed with what a user gave it. `generation`: read before that was looked at."""
        proven = Proven(user_id=access.user_id, methods=frozenset({OAUTH1}), generation=generation)
        return await self._issue(proven, PROJECT, access.project_id, access=access)

    async def issue_bound(self, user: User, thumbprint: str, generation: int) -> Verified:
        """A token for who has a certificate, on their default project, good only together with it."""
        proven = Proven(user_id=user.id, methods=frozenset({BOUND}), generation=generation, thumbprint=thumbprint)
        return await self._issue(proven, PROJECT, user.default_project_id)

    async def issue_certified(self, user: User, thumbprint: str, provider: tuple[str, str], scope: Scope, generation: int) -> Verified:
        """A token for who has a certificate that a provider vouches for, good only together with it."""
        methods = frozenset({provider[1]})
        proven = Proven(user_id=user.id, methods=methods, generation=generation, thumbprint=thumbprint, provider=provider)
        return await self._for_scope(proven, scope)

    async def _prove(self, login: Login, generation: int) -> Proven:
        """Every proof there is must hold, and all of them for the same user."""
        users, methods, parent, credential_id = set(), frozenset[str](), None, None
        if login.token is not None:
            parent = await self.tokens.find(login.token)
            if parent is None:
                raise TokenNotFound()
            _exchangeable(parent)
            users.add(parent.payload.user_id)
            methods |= parent.payload.methods | {"token"}
            credential_id = parent.payload.credential_id
        if login.password is not None:
            users.add((await self.proofs.password(login.password))[0])
            methods |= PASSWORD
        if login.totp is not None:
            user_id, credential_id = await self.proofs.totp(login.totp)
            users.add(user_id)
            methods |= {"totp"}
        if login.remote is not None:
            method, who = login.remote
            user = await self.scopes.user(who)
            if user is None:
                raise Unauthenticated()
            users.add(user.id)
            methods |= {method}
        if login.receipt is not None and users:
            receipt = await self.factors.brought(login.receipt)
            users.add(receipt.user_id)
            methods |= frozenset(receipt.methods)
            credential_id = credential_id or receipt.credential_id
        if len(users) != 1:
            raise Unauthenticated()
        user_id = users.pop()
        proven = Proven(user_id=user_id, methods=methods, generation=generation, parent=parent, credential_id=credential_id)
        await self.factors.check(proven)
        return proven

    async def _for_scope(self, proven: Proven, wanted: Scope | str | None) -> Verified:
        if (trust := trust_of(wanted)) is not None:
            _keep_to_keys(proven, PROJECT, None)
            return await self._by_trust(proven, trust)
        scope, target = await self.scopes.of(proven.user_id, wanted, proven.generation)
        _keep_to_keys(proven, scope, target)
        return await self._issue(proven, scope, target)

    async def _by_password(self, given: PasswordUser, wanted: Scope | str | None, generation: int) -> Verified:
        """What is asked again and again, while nothing changes, needs only the password looked at, and that is remembered too."""
        key = (UserRef(id=given.id, name=given.name, domain=given.domain), wanted)
        known = self.cache.get(key)
        if known is not None and known.generation == generation:
            await self.compliance.prove(known.user, known.hash, given.password)
            proven = Proven(user_id=known.user.id, methods=PASSWORD, generation=generation)
            return await self._issue(proven, known.scope, known.target_id)
        user_id, hashed, user = await self.proofs.password(given)
        proven = Proven(user_id=user_id, methods=PASSWORD, generation=generation)
        await self.factors.check(proven)
        verified = await self._for_scope(proven, wanted)
        if verified.payload.trust_id is None and user is not None:
            self.cache.pop(key, None)
            if len(self.cache) >= REMEMBERED:
                del self.cache[next(iter(self.cache))]
            self.cache[key] = Resolved(generation, user, hashed, verified.payload.scope, verified.payload.target_id)
        return verified

    async def _by_application_credential(self, login: Login, generation: int) -> Verified:
        """A token for just what the credential is for, which lives no longer than the credential."""
        assert login.application_credential is not None
        if login.scope is not None:
            raise Unauthenticated("Application credentials cannot request a scope.")
        found = await self.proofs.application_credential(login.application_credential)
        methods, credential_id = frozenset({"application_credential"}), None
        if any(proof is not None for proof in (login.password, login.token, login.totp, login.remote)):
            extra = await self._prove(login, generation)
            if extra.user_id != found.user_id:
                raise Unauthenticated()
            methods, credential_id = methods | extra.methods, extra.credential_id
        proven = Proven(user_id=found.user_id, methods=methods, generation=generation, credential_id=credential_id)
        return await self._issue(proven, PROJECT, found.project_id, app_cred=found)

    async def _by_trust(self, proven: Proven, ref: TrustRef) -> Verified:
        """A token for the trustee. A use is taken only together with the token, and the token lives no longer than the trust."""
        trust = await self.core.store.trusts.find(ref.id)
        if trust is None:
            raise Unauthenticated()
        if trust.trustee_user_id != proven.user_id:
            raise Refused(why="The trust is for somebody else.")
        acting = msgspec.structs.replace(proven, user_id=trust.trustor_user_id) if trust.impersonation else proven
        if trust.remaining_uses is None:
            return await self._issue(acting, PROJECT, trust.project_id, trust=trust)
        async with self.core.db.transaction():
            if not await self.core.store.trusts.use(trust.id):
                raise Unauthenticated()
            return await self._issue(acting, PROJECT, trust.project_id, trust=trust)

    async def _issue(
        self,
        proven: Proven,
        scope: int,
        target: str | None,
        *,
        trust: Trust | None = None,
        app_cred: ApplicationCredential | None = None,
        access: AccessToken | None = None,
    ) -> Verified:
        now, parent = self.core.clock.now(), proven.parent
        idp_id, protocol_id = proven.provider or (None, None)
        ends = [parent.payload.expires_at if parent is not None else now + timedelta(seconds=self.core.config.token_expiration_s)]
        ends += [by.expires_at for by in (trust, app_cred, access) if by is not None and by.expires_at is not None]
        return await self.tokens.issue(
            Payload(
                user_id=proven.user_id,
                methods=proven.methods,
                scope=scope,
                target_id=target,
                issued_at=now,
                expires_at=min(ends),
                generation=proven.generation if parent is None else min(proven.generation, parent.generation),
                audit_ids=self._chain(parent),
                trust_id=trust.id if trust is not None else None,
                app_cred_id=app_cred.id if app_cred is not None else None,
                credential_id=proven.credential_id,
                idp_id=idp_id if parent is None else parent.payload.idp_id,
                protocol_id=protocol_id if parent is None else parent.payload.protocol_id,
                access_token_id=access.id if access is not None else None,
                thumbprint=proven.thumbprint,
            )
        )

    def _chain(self, parent: Verified | None) -> tuple[str, ...]:
        """The audit ids of a new token: its own, the first of the chain, those between."""
        own = audit_id(self.core.ids.secret(16))
        if parent is None:
            return (own,)
        before, first, *between = *parent.payload.audit_ids, None, None
        chain = (own, before) if first is None else (own, first, before, *(a for a in between if a is not None))
        if len(chain) > LONGEST_CHAIN:
            raise Unauthenticated("The token was rescoped too often. Log in again.")
        return chain


def _account(login: Login) -> Hashable | None:
    """What failures are counted by: the account that is meant, as it was named, in whichever case. None: nothing is guessed."""
    if (user := login.password or login.totp) is not None:
        return (user.id, user.name.casefold() if user.name is not None else None, user.domain)
    app_cred = login.application_credential
    return (app_cred.id, app_cred.name, app_cred.user) if app_cred is not None else None


def _exchangeable(parent: Verified) -> None:
    """Raise Refused for a token that is good for one thing only."""
    if parent.payload.trust_id is not None:
        raise Refused(why="A token of a trust cannot be exchanged for another one.")
    if parent.payload.app_cred_id is not None:
        raise Refused(why="A token of an application credential cannot be exchanged for another one.")
    if parent.payload.thumbprint is not None:
        raise Refused(why="A token that is bound to a certificate cannot be exchanged for another one.")
    if parent.payload.access_token_id is not None:
        raise Refused(why="A token of an access token cannot be exchanged for another one.")


def _keep_to_keys(proven: Proven, scope: int, target: str | None) -> None:
    """Raise Refused for a token got by EC2 keys that is to be exchanged for another scope: keys are for one project."""
    parent = proven.parent
    if parent is not None and EC2_KEYS in parent.payload.methods and (scope, target) != (parent.payload.scope, parent.payload.target_id):
        raise Refused(why="A token for EC2 keys cannot be exchanged for another scope.")
