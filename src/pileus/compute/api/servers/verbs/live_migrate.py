"""`os-migrateLive`, and `/servers/{id}/migrations`: the live migrations of a server that are under way."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any, Literal

from pileus.compute.api.migrations import HOSTS
from pileus.compute.api.servers.bodies import Closed, Flag, Name
from pileus.compute.api.servers.values import boolean
from pileus.compute.api.servers.verbs import ServerAction
from pileus.compute.hypervisor.base import Progress
from pileus.compute.model.migration import Migration
from pileus.core.clock import iso
from pileus.core.errors import Invalid
from pileus.core.http import Request, Route, since, until


class MigrateLive(Closed):
    host: Name | None
    block_migration: Flag | Literal["auto"]
    disk_over_commit: Annotated[Flag | None, until(2, 24)] = None
    force: Annotated[Flag, since(2, 30), until(2, 67)] = False


class ForceComplete(Closed):
    force_complete: None


async def migrate_live(req: Request, server_id: str, body: MigrateLive) -> None:
    if req.version < (2, 25):
        if body.disk_over_commit is None:
            raise Invalid("Invalid input for os-migrateLive: 'disk_over_commit' is a required property")
        boolean(body.disk_over_commit, "disk_over_commit")
    if body.block_migration != "auto":
        boolean(body.block_migration, "block_migration")
    elif req.version < (2, 25):
        raise Invalid("Invalid input for os-migrateLive: 'auto' is not a boolean")
    forced = boolean(body.force, "force")
    if forced and body.host is None:
        raise Invalid("Can't force to a non-provided destination")
    if body.host is not None:
        req.enforce("os_compute_api:os-migrate-server:migrate_live:host")
    # Before 2.30 a named host was not held against the scheduler's filters.
    await req.services.compute.live_migrations.migrate(
        server_id, req.who, host=body.host, forced=forced or (body.host is not None and req.version < (2, 30)))


async def list_migrations(req: Request, server_id: str) -> dict[str, Any]:
    found = await req.services.compute.live_migrations.list(server_id, req.who)
    hosts = req.allows(RULE + "index:host")
    return {"migrations": [_show(m, req, hosts=hosts) for m in found]}


async def show_migration(req: Request, server_id: str, migration_id: str) -> dict[str, Any]:
    return {"migration": _show(await req.services.compute.live_migrations.get(server_id, migration_id, req.who), req, hosts=True)}


async def force_complete(req: Request, server_id: str, migration_id: str, body: ForceComplete) -> None:
    await req.services.compute.live_migrations.force_complete(server_id, migration_id, req.who)


async def abort_migration(req: Request, server_id: str, migration_id: str) -> None:
    await req.services.compute.live_migrations.abort(server_id, migration_id, req.who, early=req.version >= (2, 65))


def _show(m: Migration, req: Request, *, hosts: bool) -> dict[str, Any]:
    progress = m.progress or Progress()
    view: dict[str, Any] = {
        "id": m.id, "server_uuid": m.server_id, "status": m.status, "source_compute": m.source_host, "source_node": m.source_node,
        "dest_compute": m.dest_host, "dest_node": m.dest_node, "dest_host": None, "created_at": iso(m.created_at),
        "updated_at": iso(m.updated_at),
        **{f"{what}_{kind}_bytes": getattr(progress, f"{what}_{kind}") for what in ("memory", "disk")
           for kind in ("total", "processed", "remaining")}}
    if not hosts:
        view |= dict.fromkeys(HOSTS)
    if req.version >= (2, 59):
        view["uuid"] = m.uuid
    if req.version >= (2, 80):
        view |= {"user_id": m.user_id, "project_id": m.project_id}
    return view


ACTIONS = {"os-migrateLive": ServerAction(run=migrate_live, policy="os_compute_api:os-migrate-server:migrate_live", body=MigrateLive)}
ALL, RULE = "/v2.1/servers/{server_id}/migrations", "os_compute_api:servers:migrations:"
ONE = f"{ALL}/{{migration_id}}"
ROUTES = [
    Route("GET", ALL, list_migrations, policy=RULE + "index", since=(2, 23)),
    Route("GET", ONE, show_migration, policy=RULE + "show", since=(2, 23)),
    Route("DELETE", ONE, abort_migration, policy=RULE + "delete", ok=202, since=(2, 24)),
    Route("POST", f"{ONE}/action", force_complete, policy=RULE + "force_complete", body=ForceComplete, ok=202, since=(2, 22)),
]
