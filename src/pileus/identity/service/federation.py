"""What is known of other clouds and identity providers. Who they identify logs in by `federated_logins`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus.core.errors import Invalid
from pileus.identity.errors import Refused
from pileus.identity.federation import mapping
from pileus.identity.federation.model import IdentityProvider, Mapping, Protocol, ServiceProvider
from pileus.identity.model import Project
from pileus.identity.service.core import Core
from pileus.identity.service.users import check_domain


class Federation:
    def __init__(self, core: Core):
        self.core, self.db, store = core, core.db, core.store
        self.idps, self.protocols, self.mappings, self.sps = (
            store.identity_providers,
            store.protocols,
            store.mappings,
            store.service_providers,
        )

    # ---- identity providers ------------------------------------------------------------------------------------------
    async def create_idp(self, id: str, *, domain_id: str | None = None, **more: Any) -> IdentityProvider:
        """With a domain of its own, unless one is named."""
        async with self.db.transaction():
            if domain_id is None:
                domain_id = self.core.ids.hex()
                text = f"Auto generated federated domain for Identity Provider: {id}"
                await self.core.store.projects.add(Project(id=domain_id, name=domain_id, is_domain=True, description=text))
            await check_domain(self.core, domain_id)
            idp = IdentityProvider(id=id, domain_id=domain_id, **more)
            await self.idps.add(idp)
            await self.idps.claim(idp)
        return idp

    async def update_idp(self, id: str, values: dict[str, Any]) -> IdentityProvider:
        """Tokens of its users are void while it is disabled."""
        async with self.db.transaction():
            idp = await self.idps.get(id, lock=True)
            if values.pop("domain_id", idp.domain_id) != idp.domain_id:
                raise Refused(why="The domain of an identity provider cannot be changed.")
            changed = await self.idps.change(idp, values)
            await self.idps.claim(changed)
            if changed.enabled != idp.enabled:
                await self.core.generations.raise_()
        return changed

    async def delete_idp(self, id: str) -> None:
        """Its users stay, but nobody can log in as them, and their tokens are void."""
        async with self.db.transaction():
            users = await self.core.store.federated_users.user_ids(id)
            await self.idps.remove(id)
            await self.core.generations.revoke(*(f"user:{user}" for user in users))

    # ---- protocols ---------------------------------------------------------------------------------------------------
    async def create_protocol(self, protocol: Protocol) -> Protocol:
        async with self.db.transaction():
            await self.idps.get(protocol.idp_id, lock=True)
            await self._check_mapping(protocol.mapping_id)
            await self.protocols.add(protocol)
        return protocol

    async def list_protocols(self, idp_id: str) -> list[Protocol]:
        await self.idps.get(idp_id)
        return await self.protocols.of(idp_id)

    async def update_protocol(self, idp_id: str, id: str, values: dict[str, Any]) -> Protocol:
        async with self.db.transaction():
            protocol = await self.protocols.get(idp_id, id)
            if "mapping_id" in values:
                await self._check_mapping(values["mapping_id"])
            if values:
                await self.protocols.change(protocol, values)
        return msgspec.structs.replace(protocol, **values)

    async def _check_mapping(self, id: str) -> None:
        if await self.mappings.find(id, lock=True) is None:
            raise Invalid(f"Could not find mapping: {id}.")

    # ---- mappings ----------------------------------------------------------------------------------------------------
    async def create_mapping(self, made: Mapping) -> Mapping:
        _check_rules(made)
        await self.mappings.add(made)
        return made

    async def update_mapping(self, id: str, values: dict[str, Any]) -> Mapping:
        async with self.db.transaction():
            found = await self.mappings.get(id, lock=True)
            _check_rules(msgspec.structs.replace(found, **values))
            return await self.mappings.change(found, values)

    # ---- service providers, which tokens name ------------------------------------------------------------------------
    async def create_sp(self, sp: ServiceProvider) -> ServiceProvider:
        async with self.db.transaction():
            await self.sps.add(sp)
            await self.core.generations.raise_()
        return sp

    async def update_sp(self, id: str, values: dict[str, Any]) -> ServiceProvider:
        async with self.db.transaction():
            await self.core.generations.raise_()
            return await self.sps.change(await self.sps.get(id, lock=True), values)

    async def delete_sp(self, id: str) -> None:
        async with self.db.transaction():
            await self.sps.remove(id)
            await self.core.generations.raise_()


def _check_rules(m: Mapping) -> None:
    try:
        mapping.check(m.rules, m.schema_version)
    except mapping.MappingInvalid as problem:
        raise Invalid(str(problem)) from problem
