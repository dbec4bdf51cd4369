"""Consumers of OAuth 1.0a."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlalchemy as sa

from pileus.core.db import METADATA, Id, Json
from pileus.identity.errors import ConsumerNotFound
from pileus.identity.model import Consumer
from pileus.identity.store.base import Table

consumers = sa.Table(
    "identity_consumers",
    METADATA,
    Id("id", primary_key=True),
    sa.Column("description", sa.Text),
    sa.Column("sealed", Json, nullable=False),
    sa.Column("extra", Json, nullable=False),
)


class Consumers(Table[Consumer]):
    table, kind, noun, not_found = consumers, Consumer, "consumer", ConsumerNotFound
