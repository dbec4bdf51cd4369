"""Proofs of who somebody is, one method each. Every one that fails is the same Unauthenticated, after the same work."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.core.errors import Invalid, Unauthenticated
from pileus.identity.directory.ldap import Ldap
from pileus.identity.model import ApplicationCredential, ApplicationCredentialRef, PasswordUser, TotpUser, User
from pileus.identity.passwords import Passwords
from pileus.identity.service.compliance import Compliance
from pileus.identity.service.core import Core
from pileus.identity.service.credentials import Credentials
from pileus.identity.service.directories import Directories
from pileus.identity.service.scopes import Scopes
from pileus.identity.service.tokens import Verified


class Proven(msgspec.Struct, frozen=True, kw_only=True):
    """Who somebody is, how that was proven, and the generation that was read before.

    `credential_id`: the kept secret that proved it; `provider`: the identity provider that said so, and its protocol.
    `thumbprint`: of the certificate it takes to use the token.
    """

    user_id: str
    methods: frozenset[str]
    generation: int
    parent: Verified | None = None
    credential_id: str | None = None
    provider: tuple[str, str] | None = None
    thumbprint: str | None = None


class Proofs:
    def __init__(self, core: Core, passwords: Passwords, scopes: Scopes, directories: Directories, compliance: Compliance,
                 credentials: Credentials):
        self.compliance, self.credentials = compliance, credentials
        self.core, self.passwords, self.scopes, self.directories = core, passwords, scopes, directories

    async def password(self, given: PasswordUser) -> tuple[str, str, User | None]:
        """(id, hash, record) of who this is. Disabled or not: issuing a token refuses them, after the same work.

        The hash is empty for those of a directory, which is asked about them every time.
        """
        if (kept := await self._in_directory(given)) is not None:
            return await self.directories.prove(*kept, given.password), "", None
        user = await self.scopes.user(given)
        secret = await self.compliance.secret_of(user) if user is not None else None
        await self.compliance.prove(user, secret.hash if secret is not None else None, given.password)
        assert user is not None and secret is not None
        return user.id, secret.hash, user

    async def _in_directory(self, given: PasswordUser) -> tuple[Ldap, str, str] | None:
        """(directory, domain, name) of somebody whose domain is kept in a directory."""
        if given.id is not None:
            user = await self.core.store.users.find(given.id)
            domain_id, name = (user.domain_id, user.name) if user is not None else ("", "")
        else:
            domain = await self.scopes.domain(given.domain) if given.domain is not None else None
            domain_id, name = domain.id if domain is not None else "", given.name or ""
        directory = await self.directories.of(domain_id) if domain_id and name else None
        return (directory, domain_id, name) if directory is not None else None

    async def totp(self, given: TotpUser) -> tuple[str, str]:
        """The user whose one-time password it is, and the credential. A wrong one counts like a wrong password."""
        user = await self.scopes.user(given)
        if user is None:
            raise Unauthenticated()
        taken = await self.credentials.take_passcode(user.id, given.passcode)
        await self.compliance.judge(user, taken is not None)
        return user.id, taken or ""

    async def application_credential(self, given: ApplicationCredentialRef) -> ApplicationCredential:
        found = await self._find(given)
        if found is not None and found.expires_at is not None and found.expires_at <= self.core.clock.now():
            found = None
        fits = await self.passwords.verify(given.secret, found.hash if found is not None else None)
        if found is None or not fits:
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
