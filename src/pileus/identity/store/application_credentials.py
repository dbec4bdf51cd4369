"""Application credentials and access rules, each of one user."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlalchemy as sa

from pileus.identity.errors import AccessRuleNotFound, ApplicationCredentialNotFound
from pileus.identity.model import AccessRule, ApplicationCredential
from pileus.identity.store.base import Table
from pileus.identity.store.tables import access_rules, application_credentials

t = application_credentials.c


class ApplicationCredentials(Table[ApplicationCredential]):
    table, kind, noun, not_found = application_credentials, ApplicationCredential, "application_credential", ApplicationCredentialNotFound

    async def of_user(self, user_id: str, name: str | None = None) -> list[ApplicationCredential]:
        named = [] if name is None else [t.name == name]
        return await self.db.all(
            ApplicationCredential, sa.select(application_credentials).where(t.user_id == user_id, *named).order_by(t.name)
        )

    async def everybodys(self) -> list[ApplicationCredential]:
        return await self.db.all(ApplicationCredential, sa.select(application_credentials).order_by(t.user_id, t.project_id))


class AccessRules(Table[AccessRule]):
    table, kind, noun, not_found = access_rules, AccessRule, "access_rule", AccessRuleNotFound

    async def of_user(self, user_id: str) -> list[AccessRule]:
        r = access_rules.c
        query = sa.select(access_rules).where(r.user_id == user_id).order_by(r.service, r.path, r.method)
        return await self.db.all(AccessRule, query)
