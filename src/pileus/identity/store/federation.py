"""Identity providers, protocols, mappings, service providers, and the users that stand for somebody elsewhere."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pileus.core.db import METADATA, Database, Duplicate, Id, Json
from pileus.identity.errors import (
    IdentityProviderNotFound,
    MappingNotFound,
    ProtocolNotFound,
    ServiceProviderNotFound,
    Taken,
)
from pileus.identity.federation.model import FederatedIdentity, FederatedUser, IdentityProvider, Mapping, Protocol, ServiceProvider
from pileus.identity.store.base import Table
from pileus.identity.store.tables import members, projects, users

identity_providers = sa.Table(
    "identity_identity_providers",
    METADATA,
    Id("id", primary_key=True),
    Id("domain_id", sa.ForeignKey(projects.c.id, ondelete="CASCADE"), nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("remote_ids", Json, nullable=False),
    sa.Column("authorization_ttl", sa.Integer),
)

#: The remote ids once more, because each may be of one provider only.
remote_ids = sa.Table(
    "identity_remote_ids",
    METADATA,
    sa.Column("remote_id", sa.String(255), primary_key=True),
    Id("idp_id", sa.ForeignKey(identity_providers.c.id, ondelete="CASCADE"), nullable=False, index=True),
)

mappings = sa.Table(
    "identity_mappings",
    METADATA,
    Id("id", primary_key=True),
    sa.Column("rules", Json, nullable=False),
    sa.Column("schema_version", sa.String(5), nullable=False),
)

protocols = sa.Table(
    "identity_protocols",
    METADATA,
    Id("idp_id", sa.ForeignKey(identity_providers.c.id, ondelete="CASCADE"), primary_key=True),
    Id("id", primary_key=True),
    Id("mapping_id", sa.ForeignKey(mappings.c.id), nullable=False),
    sa.Column("remote_id_attribute", sa.String(64)),
)

service_providers = sa.Table(
    "identity_service_providers",
    METADATA,
    Id("id", primary_key=True),
    sa.Column("auth_url", sa.String(256), nullable=False),
    sa.Column("sp_url", sa.String(256), nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("relay_state_prefix", sa.String(256), nullable=False),
)

federated_users = sa.Table(
    "identity_federated_users",
    METADATA,
    Id("idp_id", sa.ForeignKey(identity_providers.c.id, ondelete="CASCADE"), primary_key=True),
    Id("protocol_id", primary_key=True),
    sa.Column("unique_id", sa.String(255), primary_key=True),
    Id("user_id", sa.ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False, index=True),
)


class IdentityProviders(Table[IdentityProvider]):
    table, kind, noun, not_found = identity_providers, IdentityProvider, "identity_provider", IdentityProviderNotFound

    def taken(self, record: IdentityProvider) -> str:
        return f"Duplicate ID, {record.id}"

    async def claim(self, idp: IdentityProvider) -> None:
        """Make the remote ids this provider's. Raises Taken when one is another's."""
        await self.db.execute(remote_ids.delete().where(remote_ids.c.idp_id == idp.id))
        for remote in idp.remote_ids:
            try:
                await self.db.insert(remote_ids, {"remote_id": remote, "idp_id": idp.id})
            except Duplicate as problem:
                raise Taken(kind="remote_id", why=f"Duplicate remote ID: {remote}") from problem

    async def of_remote(self, remote_id: str) -> IdentityProvider | None:
        found = sa.select(remote_ids.c.idp_id).where(remote_ids.c.remote_id == remote_id)
        return await self.db.one(
            IdentityProvider, sa.select(identity_providers).where(identity_providers.c.id.in_(found.scalar_subquery()))
        )


class Mappings(Table[Mapping]):
    table, kind, noun, not_found = mappings, Mapping, "mapping", MappingNotFound

    def taken(self, record: Mapping) -> str:
        return f"Duplicate ID, {record.id}"


class ServiceProviders(Table[ServiceProvider]):
    table, kind, noun, not_found = service_providers, ServiceProvider, "service_provider", ServiceProviderNotFound

    def taken(self, record: ServiceProvider) -> str:
        return f"Duplicate ID, {record.id}"


class Protocols:
    def __init__(self, db: Database):
        self.db = db

    async def get(self, idp_id: str, id: str) -> Protocol:
        found = await self.db.one(Protocol, sa.select(protocols).where(*_one(idp_id, id)))
        if found is None:
            raise ProtocolNotFound(id=id, idp=idp_id)
        return found

    async def of(self, idp_id: str) -> list[Protocol]:
        return await self.db.all(Protocol, sa.select(protocols).where(protocols.c.idp_id == idp_id).order_by(protocols.c.id))

    async def add(self, protocol: Protocol) -> None:
        try:
            await self.db.insert(protocols, protocol)
        except Duplicate as problem:
            raise Taken(kind="federation_protocol", why=f"Duplicate ID, {protocol.id}") from problem

    async def change(self, protocol: Protocol, values: dict[str, Any]) -> None:
        await self.db.execute(protocols.update().where(*_one(protocol.idp_id, protocol.id)).values(**values))

    async def remove(self, idp_id: str, id: str) -> None:
        if not await self.db.execute(protocols.delete().where(*_one(idp_id, id))):
            raise ProtocolNotFound(id=id, idp=idp_id)


class FederatedUsers:
    def __init__(self, db: Database):
        self.db = db

    async def find(self, who: FederatedIdentity) -> FederatedUser | None:
        c = federated_users.c
        same = (c.idp_id == who.idp_id, c.protocol_id == who.protocol_id, c.unique_id == who.unique_id)
        return await self.db.one(FederatedUser, sa.select(federated_users).where(*same).with_for_update())

    async def of_user(self, user_id: str) -> list[FederatedUser]:
        return await self.db.all(FederatedUser, _OF_USER, {"user": user_id})

    async def add(self, user: FederatedUser) -> None:
        try:
            await self.db.insert(federated_users, user)
        except Duplicate as problem:
            raise Taken(kind="federated_user", why=f"{user.unique_id} of {user.idp_id} is another user already") from problem

    async def replace(self, user_id: str, identities: list[FederatedIdentity]) -> None:
        """Make these a user's only ones. Raises Taken when one is somebody else's."""
        await self.db.execute(federated_users.delete().where(federated_users.c.user_id == user_id))
        for who in identities:
            await self.add(FederatedUser(user_id=user_id, idp_id=who.idp_id, protocol_id=who.protocol_id, unique_id=who.unique_id))

    async def user_ids(self, idp_id: str) -> list[str]:
        found = await self.db.rows(sa.select(federated_users.c.user_id).where(federated_users.c.idp_id == idp_id).distinct())
        return [r.user_id for r in found]

    async def set_groups(self, user_id: str, group_ids: list[str], expires_at: datetime) -> bool:
        """Make these groups, until then, the only ones by federation; says whether any came or went.

        Groups somebody else put the user into stay, and for good.
        """
        rows = await self.db.rows(sa.select(members.c.group_id, members.c.expires_at).where(members.c.user_id == user_id))
        now = {r.group_id for r in rows if r.expires_at is not None}
        lasting = {r.group_id for r in rows if r.expires_at is None}
        wanted = set(group_ids) - lasting
        await self.db.execute(members.delete().where(members.c.user_id == user_id, members.c.expires_at.is_not(None)))
        for group in sorted(wanted):
            await self.db.insert(members, {"user_id": user_id, "group_id": group, "expires_at": expires_at})
        return now != wanted

    async def drop_expired(self, now: datetime) -> int:
        return await self.db.execute(members.delete().where(members.c.expires_at <= now))


_OF_USER = (
    sa.select(federated_users)
    .where(federated_users.c.user_id == sa.bindparam("user"))
    .order_by(federated_users.c.idp_id, federated_users.c.protocol_id, federated_users.c.unique_id)
)


def _one(idp_id: str, id: str) -> list[sa.ColumnElement[bool]]:
    return [protocols.c.idp_id == idp_id, protocols.c.id == id]
