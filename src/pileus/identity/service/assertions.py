"""Other clouds that believe this one (K2K): assertions for who holds a token here, made for one of them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from pileus.core.errors import Forbidden
from pileus.identity.errors import NoIdentityProvider, Refused
from pileus.identity.federation import saml
from pileus.identity.federation.model import ServiceProvider
from pileus.identity.federation.saml_key import SamlKey
from pileus.identity.service.core import Core
from pileus.identity.service.delegation import in_person
from pileus.identity.service.tokens import Tokens, Verified


class OwnAssertions:
    def __init__(self, core: Core, tokens: Tokens, key: SamlKey):
        self.core, self.tokens, self.key = core, tokens, key

    @property
    def entity_id(self) -> str:
        """Who we are to service providers. Raises NoIdentityProvider."""
        if not self.core.config.saml_idp_entity_id:
            raise NoIdentityProvider()
        return self.core.config.saml_idp_entity_id

    def metadata(self, sso_url: str) -> bytes:
        return saml.written(saml.metadata(self.entity_id, sso_url, self.key.published()))

    async def for_provider(self, token: str, sp_id: str, *, enveloped: bool) -> tuple[bytes, ServiceProvider]:
        """The response that proves the token's holder to a service provider, and that provider.

        Raises Unauthenticated for a token that is not valid, Refused for one that is not of a project or acts for somebody.
        """
        issuer = self.entity_id
        sp = await self.core.store.service_providers.get(sp_id)
        if not sp.enabled:
            raise Forbidden(f"Service Provider {sp_id} is disabled.")
        verified = await self.tokens.verify(token)
        in_person(verified.context, "be turned into an assertion")
        if verified.meaning.gate is not None:
            raise Refused(why="A token with access rules cannot be turned into an assertion: it would not say them.")
        if verified.meaning.project is None:
            raise Refused(why="Use a project scoped token when attempting to create a SAML assertion.")
        now, ids = self.core.clock.now(), self.core.ids
        said = saml.Statement(
            issuer=issuer,
            recipient=sp.sp_url,
            user=verified.meaning.user.name,
            attributes=await self._attributes(verified),
            now=now,
            until=min(verified.payload.expires_at, now + timedelta(seconds=self.core.config.saml_assertion_expiration_s)),
            ids=(f"_{ids.hex()}", f"_{ids.hex()}", ids.hex()),
        )
        made = saml.response(said, *self.key.get())
        return saml.written(saml.enveloped(made, sp.relay_state_prefix + ids.hex()) if enveloped else made), sp

    async def _attributes(self, verified: Verified) -> dict[str, list[str]]:
        """Under the names that every Keystone's mappings for this know."""
        m = verified.meaning
        assert m.project is not None and m.project_domain is not None
        groups = [await self._group(g.name, g.domain_id) for g in await self.core.store.groups.of_user(m.user.id)]
        said = {
            "openstack_user": [m.user.name],
            "openstack_user_domain": [m.user_domain.name],
            "openstack_roles": [r.name for r in m.roles],
            "openstack_project": [m.project.name],
            "openstack_project_domain": [m.project_domain.name],
        }
        return said | ({"openstack_groups": groups} if groups else {})

    async def _group(self, name: str, domain_id: str) -> str:
        domain: dict[str, Any] = {"name": (await self.core.store.projects.get(domain_id)).name}
        return "JSON:" + msgspec.json.encode({"name": name, "domain": domain}).decode()
