"""Volumes and their snapshots in compute's old form (until 2.35). This cloud has none yet: lists are empty, whatever is named
is not found."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.compute.errors import SnapshotNotFound, VolumeNotFound
from pileus.core.errors import Invalid
from pileus.core.http import Request, Route


async def list_volumes(req: Request) -> dict[str, Any]:
    return {"volumes": []}


async def list_snapshots(req: Request) -> dict[str, Any]:
    return {"snapshots": []}


async def missing_volume(req: Request, volume_id: str) -> None:
    raise VolumeNotFound(id=volume_id)


async def missing_snapshot(req: Request, snapshot_id: str) -> None:
    raise SnapshotNotFound(id=snapshot_id)


async def create(req: Request, body: dict[str, Any]) -> None:
    raise Invalid("This cloud has no volumes.")


VOLUMES, SNAPSHOTS, RULE, UNTIL = "/v2.1/os-volumes", "/v2.1/os-snapshots", "os_compute_api:os-volumes:", (2, 35)
ROUTES = [
    Route("GET", VOLUMES, list_volumes, policy=RULE + "list", until=UNTIL),
    Route("POST", VOLUMES, create, policy=RULE + "create", body=dict[str, Any], until=UNTIL),
    Route("GET", VOLUMES + "/detail", list_volumes, policy=RULE + "detail", until=UNTIL),
    Route("GET", VOLUMES + "/{volume_id}", missing_volume, policy=RULE + "show", until=UNTIL),
    Route("DELETE", VOLUMES + "/{volume_id}", missing_volume, policy=RULE + "delete", until=UNTIL),
    Route("GET", SNAPSHOTS, list_snapshots, policy=RULE + "snapshots:list", until=UNTIL),
    Route("POST", SNAPSHOTS, create, policy=RULE + "snapshots:create", body=dict[str, Any], until=UNTIL),
    Route("GET", SNAPSHOTS + "/detail", list_snapshots, policy=RULE + "snapshots:detail", until=UNTIL),
    Route("GET", SNAPSHOTS + "/{snapshot_id}", missing_snapshot, policy=RULE + "snapshots:show", until=UNTIL),
    Route("DELETE", SNAPSHOTS + "/{snapshot_id}", missing_snapshot, policy=RULE + "snapshots:delete", until=UNTIL),
]
