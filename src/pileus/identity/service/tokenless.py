"""Requests without a token, by who shows a certificate instead: services of the cloud that would otherwise keep a password.

As with Keystone, the identity provider is the certificate's issuer: its id is the SHA-256 of the issuer's name, and the mapping
of its protocol x509 says which user the certificate is of. What the request is about is in its headers.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
from collections.abc import Mapping

from pileus.core.errors import Invalid, Unauthenticated
from pileus.identity.certificates import Certificate
from pileus.identity.federation.mapping import LocalUser, NotMapped, apply
from pileus.identity.federation.model import IdentityProvider
from pileus.identity.model import DomainRef, ProjectRef, Scope, User
from pileus.identity.service.core import Core
from pileus.identity.service.generations import TOKENS
from pileus.identity.service.logins import Logins
from pileus.identity.service.tokens import Verified

PROTOCOL = "x509"


class Tokenless:
    def __init__(self, core: Core, logins: Logins):
        self.core, self.logins = core, logins

    async def holder(self, certificate: Certificate, headers: Mapping[str, str]) -> Verified:
        """Raises Unauthenticated for a certificate of nobody here, Invalid for a request that does not say what it is about."""
        if certificate.issuer not in self.core.config.tokenless_trusted_issuers:
            raise Unauthenticated()
        generation = (await self.core.generations.read())[TOKENS]
        idp = await self.core.store.identity_providers.find(hashlib.sha256(certificate.issuer.encode()).hexdigest())
        protocols = await self.core.store.protocols.of(idp.id) if idp is not None and idp.enabled else []
        protocol = next((p for p in protocols if p.id == PROTOCOL), None)
        rules = await self.core.store.mappings.find(protocol.mapping_id) if protocol is not None else None
        if idp is None or rules is None:
            raise Unauthenticated()
        try:
            mapped = apply(rules.rules, rules.schema_version, certificate.said).user
        except NotMapped as problem:
            raise Unauthenticated() from problem
        user = await self._user(mapped, idp)
        return await self.logins.issue_certified(user, certificate.thumbprint, (idp.id, PROTOCOL), scope_of(headers), generation)

    async def _user(self, mapped: LocalUser, idp: IdentityProvider) -> User:
        """A user there is, which the mapping must mean to name. One that says nobody's name means nobody, and not everybody."""
        users, found = self.core.store.users, None
        if mapped.type != "local":
            raise Unauthenticated()
        if mapped.id is not None:
            found = await users.find(mapped.id)
        elif mapped.name is not None:
            domain = await self.logins.scopes.domain(
                DomainRef(id=mapped.domain.id, name=mapped.domain.name) if mapped.domain is not None else DomainRef(id=idp.domain_id)
            )
            found = await users.named(mapped.name, domain.id) if domain is not None else None
        if found is None or (mapped.id is not None and mapped.name not in (None, found.name)):
            raise Unauthenticated()
        return found


def scope_of(headers: Mapping[str, str]) -> Scope:
    """What a request is about. Raises Invalid when it does not say one thing."""
    domain = DomainRef(id=headers.get("x-domain-id"), name=headers.get("x-domain-name"))
    owner = DomainRef(id=headers.get("x-project-domain-id"), name=headers.get("x-project-domain-name"))
    project = ProjectRef(
        id=headers.get("x-project-id"), name=headers.get("x-project-name"), domain=owner if owner != DomainRef() else None
    )
    of_project, of_domain = (project.id or project.name) is not None, domain != DomainRef()
    if of_project == of_domain:
        raise Invalid("Neither a project nor a domain is named in the headers of a request without a token, or both are.")
    return Scope(project=project) if of_project else Scope(domain=domain)
