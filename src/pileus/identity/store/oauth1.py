"""Tokens of OAuth 1.0a: those that ask a user for access, and those that give it; and what was signed with already."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from pileus.core.db import METADATA, Database, Duplicate, Id, Json, Time
from pileus.identity.errors import OAuthTokenNotFound
from pileus.identity.model import AccessToken, RequestToken
from pileus.identity.store.base import Table
from pileus.identity.store.consumers import consumers
from pileus.identity.store.tables import projects, users

request_tokens = sa.Table(
    "identity_oauth1_request_tokens",
    METADATA,
    Id("id", primary_key=True),
    Id("consumer_id", sa.ForeignKey(consumers.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Id("project_id", sa.ForeignKey(projects.c.id, ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("sealed", Json, nullable=False),  # its secret, encrypted
    sa.Column("expires_at", Time, index=True),
    Id("user_id", sa.ForeignKey(users.c.id, ondelete="CASCADE"), index=True),
    sa.Column("roles", Json, nullable=False),
    sa.Column("verifier", sa.String(64)),
)

access_tokens = sa.Table(
    "identity_oauth1_access_tokens",
    METADATA,
    Id("id", primary_key=True),
    Id("consumer_id", sa.ForeignKey(consumers.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Id("project_id", sa.ForeignKey(projects.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Id("user_id", sa.ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("sealed", Json, nullable=False),  # its secret, encrypted
    sa.Column("roles", Json, nullable=False),
    sa.Column("expires_at", Time, index=True),
)

nonces = sa.Table(
    "identity_oauth1_nonces",
    METADATA,
    Id("consumer_id", sa.ForeignKey(consumers.c.id, ondelete="CASCADE"), primary_key=True),
    Id("digest", primary_key=True),
    sa.Column("expires_at", Time, nullable=False, index=True),
)


class RequestTokens(Table[RequestToken]):
    table, kind, noun, not_found = request_tokens, RequestToken, "request_token", OAuthTokenNotFound


class AccessTokens(Table[AccessToken]):
    table, kind, noun, not_found = access_tokens, AccessToken, "access_token", OAuthTokenNotFound


class Nonces:
    def __init__(self, db: Database):
        self.db = db

    async def use(self, consumer_id: str, digest: str, until: datetime) -> bool:
        """False for one that was used already."""
        try:
            await self.db.insert(nonces, {"consumer_id": consumer_id, "digest": digest, "expires_at": until})
        except Duplicate:
            return False
        return True

    async def remove_expired(self, now: datetime) -> int:
        """Of nonces, and of tokens: those that are worth nothing any more."""
        gone = 0
        for table in (nonces, request_tokens, access_tokens):
            gone += await self.db.execute(table.delete().where(table.c.expires_at <= now))
        return gone
