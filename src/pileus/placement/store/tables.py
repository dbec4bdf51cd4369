"""Tables of placement."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlalchemy as sa

from pileus.core.db import METADATA, Id, Time

PROVIDERS = sa.Table(
    "placement_providers", METADATA,
    Id("id", primary_key=True),
    sa.Column("name", sa.String(200), nullable=False, unique=True),
    sa.Column("generation", sa.Integer, nullable=False),
    Id("parent_id", sa.ForeignKey("placement_providers.id"), index=True),
    Id("root_id", nullable=False, index=True),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("updated_at", Time, nullable=False),
)

#: `used` is the sum of the allocations, kept beside the total so that one conditional UPDATE is a claim.
INVENTORIES = sa.Table(
    "placement_inventories", METADATA,
    Id("provider_id", sa.ForeignKey("placement_providers.id"), primary_key=True),
    sa.Column("resource_class", sa.String(255), primary_key=True),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("reserved", sa.Integer, nullable=False),
    sa.Column("min_unit", sa.Integer, nullable=False),
    sa.Column("max_unit", sa.Integer, nullable=False),
    sa.Column("step_size", sa.Integer, nullable=False),
    sa.Column("allocation_ratio", sa.Float(53), nullable=False),
    sa.Column("used", sa.BigInteger, nullable=False),
    sa.Column("updated_at", Time, nullable=False),
)

CONSUMERS = sa.Table(
    "placement_consumers", METADATA,
    Id("id", primary_key=True),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("project_id", sa.String(255), nullable=False),
    sa.Column("user_id", sa.String(255), nullable=False),
    sa.Column("type", sa.String(255)),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("updated_at", Time, nullable=False),
    sa.Index("ix_placement_consumers_project_id_user_id", "project_id", "user_id"),
)

ALLOCATIONS = sa.Table(
    "placement_allocations", METADATA,
    Id("consumer_id", sa.ForeignKey("placement_consumers.id"), primary_key=True),
    Id("provider_id", primary_key=True, index=True),
    sa.Column("resource_class", sa.String(255), primary_key=True),
    sa.Column("amount", sa.Integer, nullable=False),
    sa.Column("updated_at", Time, nullable=False),
)

CLASSES = sa.Table(
    "placement_resource_classes", METADATA,
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("updated_at", Time, nullable=False),
)

TRAITS = sa.Table(
    "placement_traits", METADATA,
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("updated_at", Time, nullable=False),
)

PROVIDER_TRAITS = sa.Table(
    "placement_provider_traits", METADATA,
    Id("provider_id", sa.ForeignKey("placement_providers.id"), primary_key=True),
    sa.Column("trait", sa.String(255), primary_key=True, index=True),
)

PROVIDER_AGGREGATES = sa.Table(
    "placement_provider_aggregates", METADATA,
    Id("provider_id", sa.ForeignKey("placement_providers.id"), primary_key=True),
    Id("aggregate_id", primary_key=True, index=True),
)
