"""Proofs of who somebody is, one method each. Every one that fails is the same Unauthenticated, after the same work."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.errors import Invalid, Unauthenticated
from pileus.identity.model import ApplicationCredential, ApplicationCredentialRef, PasswordUser
from pileus.identity.passwords import Passwords
from pileus.identity.service.core import Core
from pileus.identity.service.scopes import Scopes


class Proofs:
    def __init__(self, core: Core, passwords: Passwords, scopes: Scopes):
        self.core, self.passwords, self.scopes = core, passwords, scopes

    async def password(self, given: PasswordUser) -> tuple[str, str]:
        """(user, hash) of who this is. Disabled or not: issuing a token refuses them, after the same work."""
        user = await self.scopes.user(given)
        secret = await self.core.store.users.password(user.id) if user is not None else None
        if not await self.passwords.verify(given.password, secret.hash if secret is not None else None) or secret is None:
            raise Unauthenticated()
        return secret.user_id, secret.hash

    async def application_credential(self, given: ApplicationCredentialRef) -> ApplicationCredential:
        found = await self._find(given)
        fits = await self.passwords.verify(given.secret, found.hash if found is not None else None)
        if found is None or not fits:
            raise Unauthenticated()
        if found.expires_at is not None and found.expires_at <= self.core.clock.now():
            raise Unauthenticated()
        return found

    async def _find(self, given: ApplicationCredentialRef) -> ApplicationCredential | None:
        if given.id is not None:
            return await self.core.store.application_credentials.find(given.id)
        if given.name is None or given.user is None:
            raise Invalid("Expecting to find the id, or the name and the user, of the application credential.")
        user = await self.scopes.user(given.user)
        found = await self.core.store.application_credentials.of_user(user.id, given.name) if user is not None else []
        return found[0] if found else None
