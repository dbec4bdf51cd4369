"""Snapshots of volumes with compute's help: for drivers of volumes that cannot take them alone. This cloud's can."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus.core.errors import Invalid
from pileus.core.http import Request, Route


class SnapshotCreate(msgspec.Struct, frozen=True):
    snapshot: dict[str, Any]


async def create_snapshot(req: Request, body: SnapshotCreate) -> None:
    raise Invalid("Snapshots of volumes are taken by the volume service alone in this cloud.")


async def delete_snapshot(req: Request, snapshot_id: str) -> None:
    raise Invalid("Snapshots of volumes are deleted by the volume service alone in this cloud.")


RULE = "os_compute_api:os-assisted-volume-snapshots:"
ROUTES = [
    Route("POST", "/v2.1/os-assisted-volume-snapshots", create_snapshot, policy=RULE + "create", body=SnapshotCreate),
    Route("DELETE", "/v2.1/os-assisted-volume-snapshots/{snapshot_id}", delete_snapshot, policy=RULE + "delete", ok=204),
]
