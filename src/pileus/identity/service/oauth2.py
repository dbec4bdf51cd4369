"""OAuth 2.0: an application credential is a client, and a token of it an access token; so is a user with a certificate."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.errors import Unauthenticated
from pileus.identity.certificates import Certificate
from pileus.identity.errors import OAuth2InvalidClient
from pileus.identity.federation.mapping import LocalUser, NotMapped, apply
from pileus.identity.model import ApplicationCredentialRef, Login, Project, User
from pileus.identity.service.core import Core
from pileus.identity.service.generations import TOKENS
from pileus.identity.service.logins import Logins
from pileus.identity.service.tokens import Verified


class OAuth2:
    def __init__(self, core: Core, logins: Logins):
        self.core, self.logins = core, logins

    async def client_credentials(self, client_id: str, secret: str, source: str) -> Verified:
        """Raises OAuth2InvalidClient, whatever the reason."""
        ref = ApplicationCredentialRef(id=client_id, secret=secret)
        try:
            return await self.logins.log_in(Login(application_credential=ref, source=source))
        except Unauthenticated as problem:
            raise OAuth2InvalidClient() from problem

    async def certificate(self, client_id: str, certificate: Certificate) -> Verified:
        """A token for a user on their default project, bound to the certificate by which they are known (RFC 8705).

        The mapping that the configuration names says who a certificate is of; what it gives must be the user's, and it must
        give a name or an id: a mapping that says nothing would let everybody in. Raises OAuth2InvalidClient, whatever the reason.
        """
        store, generation = self.core.store, (await self.core.generations.read())[TOKENS]
        user = await store.users.find(client_id)
        rules = await store.mappings.find(self.core.config.oauth2_cert_dn_mapping_id)
        if user is None or user.default_project_id is None or rules is None:
            raise OAuth2InvalidClient()
        try:
            mapped = apply(rules.rules, rules.schema_version, certificate.said).user
        except NotMapped as problem:
            raise OAuth2InvalidClient() from problem
        if not _same(mapped, user, await store.projects.get(user.domain_id)):
            raise OAuth2InvalidClient()
        try:
            return await self.logins.issue_bound(user, certificate.thumbprint, generation)
        except Unauthenticated as problem:
            raise OAuth2InvalidClient() from problem


def _same(mapped: LocalUser, user: User, domain: Project) -> bool:
    """Whether all that a mapping says is true of the user, and says who it is. A name is one's only within a domain."""
    wanted = mapped.domain
    pairs = [
        (mapped.id, user.id),
        (mapped.name, user.name),
        (mapped.email, user.extra.get("email")),
        (wanted.id if wanted is not None else None, domain.id),
        (wanted.name if wanted is not None else None, domain.name),
    ]
    named = mapped.id is not None or (mapped.name is not None and wanted is not None)
    return named and all(said is None or said == known for said, known in pairs)
