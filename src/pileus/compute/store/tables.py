"""The tables of compute."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlalchemy as sa

from pileus.core.db import METADATA, Id, Json, Time

flavors = sa.Table(
    "compute_flavors", METADATA,
    sa.Column("id", sa.String(255), primary_key=True),
    sa.Column("name", sa.String(255), nullable=False, unique=True),
    sa.Column("vcpus", sa.Integer, nullable=False),
    sa.Column("memory_mb", sa.Integer, nullable=False),
    sa.Column("root_gib", sa.Integer, nullable=False),
    sa.Column("ephemeral_gib", sa.Integer, nullable=False),
    sa.Column("swap_mb", sa.Integer, nullable=False),
    sa.Column("rxtx_factor", sa.Float, nullable=False),
    sa.Column("public", sa.Boolean, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("extra_specs", Json, nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("updated_at", Time),
)
flavor_access = sa.Table(
    "compute_flavor_access", METADATA,
    sa.Column("flavor_id", sa.String(255), sa.ForeignKey(flavors.c.id, ondelete="CASCADE"), primary_key=True),
    Id("project_id", primary_key=True),
)
hosts = sa.Table(
    "compute_hosts", METADATA,
    Id("id", primary_key=True),
    Id("service_id", nullable=False, unique=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("host", sa.String(255), nullable=False, unique=True),
    sa.Column("inventory", Json, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("disabled_reason", sa.Text),
    sa.Column("forced_down", sa.Boolean, nullable=False),
    sa.Column("running_vms", sa.Integer, nullable=False),
    sa.Column("generation", sa.BigInteger, nullable=False, index=True),     # of the table, when this row changed last
    sa.Column("reported_at", Time, nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("updated_at", Time),
)
generations = sa.Table(
    "compute_generations", METADATA,
    sa.Column("name", sa.String(128), primary_key=True),    # of what processes keep in memory, or count in turns
    sa.Column("value", sa.BigInteger, nullable=False),
)
keypairs = sa.Table(
    "compute_keypairs", METADATA,
    Id("user_id", primary_key=True),
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("type", sa.String(16), nullable=False),
    sa.Column("public_key", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.String(255), nullable=False),
    sa.Column("created_at", Time, nullable=False),
)
aggregates = sa.Table(
    "compute_aggregates", METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    Id("uuid", nullable=False, unique=True),
    sa.Column("name", sa.String(255), nullable=False, unique=True),
    sa.Column("metadata", Json, nullable=False),            # availability_zone is one of its keys
    sa.Column("hosts", Json, nullable=False),               # names
    sa.Column("created_at", Time, nullable=False),
    sa.Column("updated_at", Time),
)
server_groups = sa.Table(
    "compute_server_groups", METADATA,
    Id("id", primary_key=True),
    Id("project_id", nullable=False, index=True),
    Id("user_id", nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("policy", sa.String(64), nullable=False),
    sa.Column("rules", Json, nullable=False),
    sa.Column("created_at", Time, nullable=False),
)
server_group_members = sa.Table(
    "compute_server_group_members", METADATA,
    Id("group_id", sa.ForeignKey(server_groups.c.id, ondelete="CASCADE"), primary_key=True),
    Id("server_id", primary_key=True, index=True),
)
quotas = sa.Table(
    "compute_quotas", METADATA,
    Id("project_id", primary_key=True),                     # or class:NAME for quota classes
    Id("user_id", primary_key=True),                        # "" for the whole project
    sa.Column("resource", sa.String(64), primary_key=True),
    sa.Column("limit", sa.Integer, nullable=False),
)
servers = sa.Table(
    "compute_servers", METADATA,
    Id("id", primary_key=True),
    sa.Column("number", sa.Integer, nullable=False, unique=True),    # for instance-%08x
    Id("project_id", nullable=False),
    Id("user_id", nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("hostname", sa.String(255), nullable=False),
    sa.Column("description", sa.String(255)),
    sa.Column("vm_state", sa.String(32), nullable=False),
    sa.Column("task_state", sa.String(64)),
    sa.Column("power_state", sa.Integer, nullable=False),
    sa.Column("progress", sa.Integer, nullable=False),
    sa.Column("locked_by", sa.String(16)),
    sa.Column("locked_reason", sa.String(255)),
    sa.Column("host", sa.String(255), index=True),
    Id("host_id"),                                                   # the hypervisor: resource provider
    sa.Column("availability_zone", sa.String(255)),
    sa.Column("pinned_zone", sa.String(255)),                        # what the user asked for
    Id("image_id"),
    sa.Column("flavor", Json, nullable=False),                       # a copy: flavors may change or go
    sa.Column("flavor_id", sa.String(255), nullable=False),
    sa.Column("vcpus", sa.Integer, nullable=False),                  # of the flavor: counted by quotas
    sa.Column("memory_mb", sa.Integer, nullable=False),
    sa.Column("key_name", sa.String(255)),
    sa.Column("public_key", sa.Text),
    sa.Column("metadata", Json, nullable=False),
    sa.Column("system_metadata", Json, nullable=False),              # image properties the guest was made with
    sa.Column("tags", Json, nullable=False),
    sa.Column("user_data", sa.Text),
    sa.Column("config_drive", sa.Boolean, nullable=False),
    sa.Column("access_ip_v4", sa.String(64)),
    sa.Column("access_ip_v6", sa.String(64)),
    sa.Column("disk_config", sa.String(16), nullable=False),
    Id("reservation_id", nullable=False, index=True),
    sa.Column("launch_index", sa.Integer, nullable=False),
    sa.Column("security_groups", Json, nullable=False),              # names asked for at creation
    sa.Column("scheduler_hints", Json, nullable=False),
    sa.Column("nics", Json, nullable=False),                         # the order of its ports, with tags
    sa.Column("trusted_image_certificates", Json),
    sa.Column("fault", Json),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("updated_at", Time, nullable=False),
    sa.Column("launched_at", Time),
    sa.Column("terminated_at", Time),
    sa.Column("deleted_at", Time),
    sa.Index("ix_compute_servers_page", "project_id", "deleted_at", "created_at", "id"),
)
console_tokens = sa.Table(
    "compute_console_tokens", METADATA,
    sa.Column("hash", sa.String(64), primary_key=True),
    Id("server_id", nullable=False),
    sa.Column("type", sa.String(16), nullable=False),
    sa.Column("expires_at", Time, nullable=False, index=True),
)
usage_audits = sa.Table(
    "compute_usage_audits", METADATA,
    sa.Column("host", sa.String(255), primary_key=True),
    sa.Column("beginning", Time, primary_key=True),
    sa.Column("ending", Time, primary_key=True),
    sa.Column("servers", sa.Integer, nullable=False),
    sa.Column("errors", sa.Integer, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("audited_at", Time, nullable=False),
)
server_actions = sa.Table(
    "compute_server_actions", METADATA,
    Id("request_id", primary_key=True),
    Id("server_id", primary_key=True),
    sa.Column("action", sa.String(64), nullable=False),
    Id("project_id"),
    Id("user_id"),
    sa.Column("message", sa.Text),
    sa.Column("started_at", Time, nullable=False),
    sa.Column("updated_at", Time),
    sa.Column("events", Json, nullable=False),
)
migrations = sa.Table(
    "compute_migrations", METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    Id("uuid", nullable=False, unique=True),                         # the consumer that holds the source's resources
    Id("server_id", nullable=False, index=True),
    Id("project_id", nullable=False),
    Id("user_id", nullable=False),
    sa.Column("type", sa.String(32), nullable=False),
    sa.Column("status", sa.String(32), nullable=False, index=True),
    sa.Column("source_host", sa.String(255)),
    Id("source_host_id"),
    sa.Column("source_node", sa.String(255)),
    sa.Column("dest_host", sa.String(255)),
    Id("dest_host_id"),
    sa.Column("dest_node", sa.String(255)),
    sa.Column("old_flavor", Json, nullable=False),
    sa.Column("new_flavor", Json, nullable=False),
    sa.Column("old_vm_state", sa.String(32), nullable=False),
    sa.Column("progress", Json),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("updated_at", Time, nullable=False),
)
