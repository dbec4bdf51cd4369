"""Migrations: the record of servers' moves, all projects' for administrators and a project's own for its manager."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.compute.api.fields import check_uuid, moment
from pileus.compute.api.query import ALWAYS, MOST, Parameters, changes, next_links, number, self_links
from pileus.compute.model.migration import OPEN, Migration
from pileus.compute.store.migrations import MigrationFilter
from pileus.core.errors import Invalid
from pileus.core.http import Request, Route, since

LIST = Parameters({
    "hidden": ALWAYS, "host": ALWAYS, "instance_uuid": ALWAYS, "source_compute": ALWAYS, "status": ALWAYS, "migration_type": ALWAYS,
    "limit": since(2, 59), "marker": since(2, 59), "changes-since": since(2, 59), "changes-before": since(2, 66),
    "user_id": since(2, 80), "project_id": since(2, 80)}, strict=(2, 59))
RULE = "os_compute_api:os-migrations:index"
#: Fields, and since when there are.
SINCE = {"migration_type": (2, 23), "links": (2, 23), "uuid": (2, 59), "user_id": (2, 80), "project_id": (2, 80)}
#: Where a server went, which only administrators are told.
HOSTS = ("source_node", "source_compute", "dest_node", "dest_compute", "dest_host")


async def list_migrations(req: Request) -> dict[str, Any]:
    asked = LIST.read(req)
    everybody = req.allows(RULE + ":all_projects")
    project = asked.get("project_id") if everybody else req.who.project_id
    limit = min(number(asked, "limit", MOST), MOST) if req.version >= (2, 59) else None
    marker = await _marker(req, asked)
    if limit == 0:
        return {"migrations": []}
    found = await req.services.compute.migrations.list(_filter(asked, project), limit=limit, marker=marker)
    links = next_links(req, asked, found[-1].uuid) if limit is not None and len(found) == limit else []
    shown = [view(req, migration, hosts=req.allows(RULE + ":host")) for migration in found]
    return {"migrations": shown} | ({"migrations_links": links} if links else {})


ROUTES = [Route("GET", "/v2.1/os-migrations", list_migrations, policy=RULE)]


async def _marker(req: Request, asked: dict[str, str]) -> Migration | None:
    if "marker" not in asked:
        return None
    found = await req.services.compute.migrations.find(asked["marker"])
    if found is None:
        raise Invalid(f"Marker {asked['marker']} could not be found.")
    return found


def _filter(asked: dict[str, str], project: str | None) -> MigrationFilter:
    after, before = changes(asked, before=True)
    server = asked.get("instance_uuid")
    return MigrationFilter(
        host=asked.get("host"), source=asked.get("source_compute"), status=asked.get("status"), type=asked.get("migration_type"),
        server_id=check_uuid(server) if server is not None else None, user_id=asked.get("user_id"), project_id=project,
        changes_since=after, changes_before=before)


def view(req: Request, migration: Migration, *, hosts: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": migration.id, "status": migration.status, "instance_uuid": migration.server_id, "source_node": migration.source_node,
        "source_compute": migration.source_host, "dest_node": migration.dest_node, "dest_compute": migration.dest_host, "dest_host": None,
        # Flavors have no numbers here; clients know them by the ids of the server's own record.
        "old_instance_type_id": None, "new_instance_type_id": None,
        "created_at": moment(migration.created_at), "updated_at": moment(migration.updated_at), "migration_type": migration.type,
        "uuid": migration.uuid, "user_id": migration.user_id, "project_id": migration.project_id}
    if migration.type == "live-migration" and migration.status in OPEN:
        shown["links"] = self_links(req, f"servers/{migration.server_id}/migrations", str(migration.id))
    if not hosts:
        shown |= dict.fromkeys(HOSTS)
    return {name: value for name, value in shown.items() if req.version >= SINCE.get(name, (2, 1))}
