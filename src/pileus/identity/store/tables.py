"""The tables of identity."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlalchemy as sa

from pileus.core.db import METADATA, Id, Json, Time

projects = sa.Table(
    "identity_projects",
    METADATA,
    Id("id", primary_key=True),
    sa.Column("name", sa.String(64), nullable=False),
    Id("domain_id", nullable=False),  # '' for a domain: a unique key takes no notice of NULL
    Id("parent_id", index=True),
    sa.Column("is_domain", sa.Boolean, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("tags", Json, nullable=False),
    sa.Column("options", Json, nullable=False),
    sa.Column("extra", Json, nullable=False),
    sa.UniqueConstraint("domain_id", "name"),
)

users = sa.Table(
    "identity_users",
    METADATA,
    Id("id", primary_key=True),
    sa.Column("name", sa.String(255), nullable=False),
    Id("domain_id", sa.ForeignKey(projects.c.id), nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    Id("default_project_id", index=True),
    sa.Column("password_expires_at", Time),
    sa.Column("options", Json, nullable=False),
    sa.Column("extra", Json, nullable=False),
    sa.UniqueConstraint("domain_id", "name"),
)

passwords = sa.Table(
    "identity_passwords",
    METADATA,
    Id("user_id", sa.ForeignKey(users.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("hash", sa.String(255), nullable=False),
    sa.Column("created_at", Time, nullable=False),
)

former_passwords = sa.Table(
    "identity_former_passwords",
    METADATA,
    Id("id", primary_key=True),
    Id("user_id", sa.ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("hash", sa.String(255), nullable=False),
    sa.Column("created_at", Time, nullable=False),
)

standings = sa.Table(
    "identity_standings",
    METADATA,
    Id("user_id", sa.ForeignKey(users.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("failed", sa.Integer, nullable=False),
    sa.Column("failed_at", Time),
    sa.Column("active_at", Time, index=True),
)

groups = sa.Table(
    "identity_groups",
    METADATA,
    Id("id", primary_key=True),
    sa.Column("name", sa.String(255), nullable=False),
    Id("domain_id", sa.ForeignKey(projects.c.id), nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("extra", Json, nullable=False),
    sa.UniqueConstraint("domain_id", "name"),
)

members = sa.Table(
    "identity_members",
    METADATA,
    Id("user_id", sa.ForeignKey(users.c.id, ondelete="CASCADE"), primary_key=True),
    Id("group_id", sa.ForeignKey(groups.c.id, ondelete="CASCADE"), primary_key=True, index=True),
    sa.Column("expires_at", Time, index=True),  # of a federated user, who is a member as long as somebody else says so
)

roles = sa.Table(
    "identity_roles",
    METADATA,
    Id("id", primary_key=True),
    sa.Column("name", sa.String(255), nullable=False),
    Id("domain_id", nullable=False),  # '' for a global role
    sa.Column("description", sa.Text),
    sa.Column("options", Json, nullable=False),
    sa.Column("extra", Json, nullable=False),
    sa.UniqueConstraint("domain_id", "name"),
)

implied_roles = sa.Table(
    "identity_implied_roles",
    METADATA,
    Id("prior_role_id", sa.ForeignKey(roles.c.id, ondelete="CASCADE"), primary_key=True),
    Id("implied_role_id", sa.ForeignKey(roles.c.id, ondelete="CASCADE"), primary_key=True),
)

assignments = sa.Table(
    "identity_assignments",
    METADATA,
    Id("actor_id", primary_key=True),
    sa.Column("target_type", sa.String(8), primary_key=True),  # a domain can be used as a project: that is another target
    Id("target_id", primary_key=True, index=True),
    Id("role_id", sa.ForeignKey(roles.c.id, ondelete="CASCADE"), primary_key=True, index=True),
    sa.Column("inherited", sa.Boolean, primary_key=True),
    sa.Column("actor_type", sa.String(8), nullable=False),
)

services = sa.Table(
    "identity_services",
    METADATA,
    Id("id", primary_key=True),
    sa.Column("type", sa.String(255), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("extra", Json, nullable=False),
)

regions = sa.Table(
    "identity_regions",
    METADATA,
    sa.Column("id", sa.String(255), primary_key=True),
    sa.Column("description", sa.Text),
    sa.Column("parent_region_id", sa.String(255), sa.ForeignKey("identity_regions.id"), index=True),
    sa.Column("extra", Json, nullable=False),
)

endpoints = sa.Table(
    "identity_endpoints",
    METADATA,
    Id("id", primary_key=True),
    Id("service_id", sa.ForeignKey(services.c.id, ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("interface", sa.String(8), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("region_id", sa.String(255), sa.ForeignKey(regions.c.id), index=True),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("extra", Json, nullable=False),
)

policies = sa.Table(
    "identity_policies",
    METADATA,
    Id("id", primary_key=True),
    sa.Column("type", sa.String(255), nullable=False),
    sa.Column("blob", Json, nullable=False),
    sa.Column("extra", Json, nullable=False),
)

credentials = sa.Table(
    "identity_credentials",
    METADATA,
    Id("id", primary_key=True),
    Id("user_id", sa.ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Id("project_id", sa.ForeignKey(projects.c.id, ondelete="CASCADE"), index=True),
    sa.Column("type", sa.String(255), nullable=False),
    sa.Column("sealed", Json, nullable=False),  # the blob, encrypted
    sa.Column("used_step", sa.BigInteger),
    sa.Column("extra", Json, nullable=False),
)

trusts = sa.Table(
    "identity_trusts",
    METADATA,
    Id("id", primary_key=True),
    Id("trustor_user_id", sa.ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Id("trustee_user_id", sa.ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Id("project_id", sa.ForeignKey(projects.c.id, ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("roles", Json, nullable=False),  # ids
    sa.Column("impersonation", sa.Boolean, nullable=False),
    sa.Column("expires_at", Time),
    sa.Column("remaining_uses", sa.Integer),
    sa.Column("redelegation_count", sa.Integer, nullable=False),
    Id("redelegated_trust_id", sa.ForeignKey("identity_trusts.id", ondelete="CASCADE"), index=True),
)

access_rules = sa.Table(
    "identity_access_rules",
    METADATA,
    Id("id", primary_key=True),
    Id("user_id", sa.ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("service", sa.String(64), nullable=False),
    sa.Column("method", sa.String(16), nullable=False),
    sa.Column("path", sa.String(255), nullable=False),
)

application_credentials = sa.Table(
    "identity_application_credentials",
    METADATA,
    Id("id", primary_key=True),
    Id("user_id", sa.ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False),
    Id("project_id", sa.ForeignKey(projects.c.id, ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("hash", sa.String(255), nullable=False),
    sa.Column("roles", Json, nullable=False),  # ids
    sa.Column("description", sa.Text),
    sa.Column("expires_at", Time),
    sa.Column("unrestricted", sa.Boolean, nullable=False),
    sa.Column("access_rules", Json),  # ids
    sa.UniqueConstraint("user_id", "name"),
)

#: One row per key (`user:ID`, `project:ID`, `domain:ID`, `audit:ID`, `token:ID`, `credential:ID`): what was issued before
#: `generation` is void.
revocations = sa.Table(
    "identity_revocations",
    METADATA,
    sa.Column("key", sa.String(80), primary_key=True),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("revoked_at", Time, nullable=False),
    sa.Column("expires_at", Time, nullable=False, index=True),  # by then every token it could concern has expired
)

generations = sa.Table(
    "identity_generations",
    METADATA,
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)
