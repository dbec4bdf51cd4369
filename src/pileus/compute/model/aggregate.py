"""A host aggregate: hosts with metadata in common, perhaps an availability zone."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime

import msgspec

#: The metadata that makes an aggregate an availability zone.
ZONE = "availability_zone"


class Aggregate(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    uuid: str
    name: str
    metadata: dict[str, str] = {}
    hosts: tuple[str, ...] = ()
    created_at: datetime
    updated_at: datetime | None = None

    @property
    def zone(self) -> str | None:
        return self.metadata.get(ZONE)
