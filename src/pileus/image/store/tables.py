"""The tables of the image service."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlalchemy as sa

from pileus.core.db import METADATA, Id, Json, Time

images = sa.Table(
    "image_images", METADATA,
    Id("id", primary_key=True),
    sa.Column("name", sa.String(255), index=True),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("visibility", sa.String(16), nullable=False, index=True),
    sa.Column("owner", sa.String(255), index=True),
    sa.Column("disk_format", sa.String(20)),
    sa.Column("container_format", sa.String(20)),
    sa.Column("min_disk", sa.Integer, nullable=False),
    sa.Column("min_ram", sa.Integer, nullable=False),
    sa.Column("protected", sa.Boolean, nullable=False),
    sa.Column("os_hidden", sa.Boolean, nullable=False),
    sa.Column("size", sa.BigInteger),
    sa.Column("virtual_size", sa.BigInteger),
    sa.Column("checksum", sa.String(32)),
    sa.Column("os_hash_algo", sa.String(64)),
    sa.Column("os_hash_value", sa.String(128)),
    sa.Column("tags", Json, nullable=False),
    sa.Column("properties", Json, nullable=False),
    Id("blob", unique=True),
    sa.Column("places", Json, nullable=False),                  # stores that have its bytes, with their keys
    sa.Column("coming", Json, nullable=False),                  # stores that its bytes are on their way to
    sa.Column("failed", Json),                                  # stores that the last import did not bring them to
    sa.Column("upload_owner", sa.String(255)),                  # the process that receives the bytes
    sa.Column("upload_lease", Time),                            # until when it is believed to be alive
    sa.Column("created_at", Time, nullable=False),
    sa.Column("updated_at", Time, nullable=False),
    sa.Index("ix_image_images_newest", "created_at", "id", "visibility", "owner", "os_hidden"),
)
#: A digest of each tag and of each property with its value, for lists that ask for them: exact, however a database compares text.
labels = sa.Table(
    "image_labels", METADATA,
    Id("image_id", sa.ForeignKey(images.c.id, ondelete="CASCADE"), primary_key=True),
    Id("label", primary_key=True, index=True),
)
tasks = sa.Table(
    "image_tasks", METADATA,
    Id("id", primary_key=True),
    sa.Column("type", sa.String(32), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("owner", sa.String(255), index=True),
    sa.Column("user_id", sa.String(255)),
    sa.Column("request_id", sa.String(64)),
    Id("image_id", nullable=False, index=True),                 # an image that may be deleted by now
    sa.Column("input", Json, nullable=False),
    sa.Column("result", Json),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("updated_at", Time, nullable=False),
    sa.Column("expires_at", Time, index=True),
)
members = sa.Table(
    "image_members", METADATA,
    Id("image_id", sa.ForeignKey(images.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("member_id", sa.String(255), primary_key=True),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("updated_at", Time, nullable=False),
    sa.Index("ix_image_members_member_id", "member_id", "image_id"),
)
#: Copies of images on hosts; a row outlives its image until its host sees that.
cached = sa.Table(
    "image_cached", METADATA,
    sa.Column("node", sa.String(255), primary_key=True),
    Id("image_id", primary_key=True),
    sa.Column("size", sa.BigInteger),
    sa.Column("hits", sa.Integer, nullable=False),
    sa.Column("queued_at", Time, nullable=False),
    sa.Column("cached_at", Time),
    sa.Column("accessed_at", Time, nullable=False),
)
#: A row for each project with a quota: who counts what it has holds the row until what was counted for is there.
owners = sa.Table(
    "image_owners", METADATA,
    sa.Column("owner", sa.String(255), primary_key=True),
)
#: Images whose bytes are kept for a while after they were deleted.
deleted = sa.Table(
    "image_deleted", METADATA,
    Id("id", primary_key=True),
    sa.Column("image", Json, nullable=False),
    sa.Column("members", Json, nullable=False),
    sa.Column("places", Json, nullable=False),
    sa.Column("coming", Json, nullable=False),
    sa.Column("deleted_at", Time, nullable=False),
    sa.Column("scrub_at", Time, nullable=False, index=True),
)
#: Ids of deleted images: were they free, somebody could put own bytes under an id that others boot from (OSSN-0075).
spent_ids = sa.Table(
    "image_spent_ids", METADATA,
    Id("id", primary_key=True),
    sa.Column("deleted_at", Time, nullable=False),
)
