"""The `compute_servers` table. Reads are scoped; deleted servers are only seen by those who ask for them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from pileus.compute.errors import ServerNotFound
from pileus.compute.model.server import Fault, Nic, Server
from pileus.compute.store.tables import servers
from pileus.core.context import EVERYONE
from pileus.core.db import Database, Duplicate
from pileus.core.errors import Invalid

LIVE = servers.c.deleted_at.is_(None)
GET = sa.select(servers).where(servers.c.id == sa.bindparam("id"), LIVE)
NEWEST = sa.select(sa.func.max(servers.c.number))
BEGIN_DELETE = (
    servers.update()
    .where(servers.c.id == sa.bindparam("id_"), LIVE, sa.or_(servers.c.task_state.is_(None), servers.c.task_state != "deleting"))
    .values(task_state="deleting", updated_at=sa.bindparam("now"))
)
#: Columns by which a list may be sorted, by the API's names.
SORT_KEYS = {
    "access_ip_v4": servers.c.access_ip_v4, "access_ip_v6": servers.c.access_ip_v6, "availability_zone": servers.c.availability_zone,
    "config_drive": servers.c.config_drive, "created_at": servers.c.created_at, "display_description": servers.c.description,
    "display_name": servers.c.name, "host": servers.c.host, "hostname": servers.c.hostname, "image_ref": servers.c.image_id,
    "instance_type_id": servers.c.flavor_id, "key_name": servers.c.key_name, "launch_index": servers.c.launch_index,
    "launched_at": servers.c.launched_at, "locked_by": servers.c.locked_by, "node": servers.c.host_id, "power_state": servers.c.power_state,
    "progress": servers.c.progress, "project_id": servers.c.project_id, "root_device_name": servers.c.id,
    "task_state": servers.c.task_state, "terminated_at": servers.c.terminated_at,
    "updated_at": servers.c.updated_at, "user_id": servers.c.user_id, "uuid": servers.c.id,
    "vm_state": servers.c.vm_state,
}


class ServerFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What a list is narrowed to; None is not asked."""

    scope: str | None
    project_id: str | None = None
    user_id: str | None = None
    name: str | None = None                 # a regular expression, like description, hostname and the access addresses
    vm_states: Collection[str] | None = None
    task_states: Collection[str | None] | None = None
    host: str | None = None
    host_id: str | None = None
    flavor_id: str | None = None
    image_id: str | None = None
    reservation_id: str | None = None
    availability_zone: str | None = None
    key_name: str | None = None
    config_drive: bool | None = None
    locked: bool | None = None
    power_state: int | None = None
    description: str | None = None
    launch_index: int | None = None
    hostname: str | None = None
    access_ip_v4: str | None = None
    access_ip_v6: str | None = None
    ids: Collection[str] | None = None
    changes_since: datetime | None = None
    changes_before: datetime | None = None
    created_at: datetime | None = None
    launched_at: datetime | None = None
    terminated_at: datetime | None = None
    deleted: bool | None = False            # None: both
    sort: tuple[tuple[str, str], ...] = (("created_at", "desc"),)


#: What a host has to do much writing for, while it lasts.
WRITING = frozenset({"resize_migrating", "resize_prep", "rebuilding", "rebuild_block_device_mapping", "rebuild_spawning", "image_snapshot",
                     "image_snapshot_pending", "image_backup", "image_pending_upload", "image_uploading", "shelving"})


class Seat(msgspec.Struct, frozen=True):
    """A server on a host, as far as the scheduler cares."""

    id: str
    host: str
    busy: bool                              # it keeps the host's disks busy: being built, resized, snapshotted …
    properties: tuple[str, ...] = ()        # "name=value" of its image


class Servers:
    def __init__(self, db: Database):
        self.db = db

    async def get(self, id: str, scope: str | None) -> Server:
        """Raises ServerNotFound, also when it is someone else's."""
        found = await self.db.one(Server, GET, {"id": id})
        if found is None or scope not in (EVERYONE, found.project_id):
            raise ServerNotFound(id=id)
        return found

    async def find(self, id: str) -> Server | None:
        """The server, deleted or not."""
        return await self.db.find(Server, servers, id=id)

    async def add(self, server: Server) -> Server:
        """Insert, with a number of its own; returns the server as it is stored."""
        for _ in range(10):
            number = (await self.db.scalar(NEWEST) or 0) + 1
            server = msgspec.structs.replace(server, number=number)
            try:
                await self.db.insert(servers, server)
                return server
            except Duplicate:
                continue
        raise Duplicate()

    async def update(self, id: str, now: datetime, /, **values: Any) -> int:
        plain = {k: msgspec.to_builtins(v) if isinstance(v, (msgspec.Struct, list)) else v for k, v in values.items()}
        return await self.db.update(servers, {"id": id}, updated_at=now, **plain)

    async def set_once(self, id: str, key: str, value: str) -> bool:
        """Remember something in the system metadata, unless it is there already."""
        async with self.db.transaction():
            server = await self.find(id)
            if server is None or server.system_metadata.get(key):
                return False
            await self.db.update(servers, {"id": id}, system_metadata={**server.system_metadata, key: value})
            return True

    async def begin(self, id: str, now: datetime, *, task: str, allowed: Collection[str], over: Collection[str] = (),
                    **values: Any) -> bool:
        """Enter a task state. One statement, so that two callers cannot both win."""
        free: sa.ColumnElement[bool] = servers.c.task_state.is_(None)
        if over:
            free = sa.or_(free, servers.c.task_state.in_(list(over)))
        stmt = servers.update().where(servers.c.id == id, LIVE, servers.c.vm_state.in_(list(allowed)), free)
        return bool(await self.db.execute(stmt.values(task_state=task, updated_at=now, **values)))

    async def begin_delete(self, id: str, now: datetime) -> bool:
        """Enter `deleting`, whatever else is being done; False when that is so already."""
        return bool(await self.db.execute(BEGIN_DELETE, {"id_": id, "now": now}))

    async def end_task(self, id: str, now: datetime, *tasks: str, to: str | None = None, **values: Any) -> bool:
        """Leave any of the task states, unless a delete took over in between; for the next one, when `to` says so."""
        plain = {k: msgspec.to_builtins(v) if isinstance(v, (msgspec.Struct, list)) else v for k, v in values.items()}
        plain |= {"task_state": to, "updated_at": now}
        for task in tasks:
            if await self.db.update(servers, {"id": id, "task_state": task}, **plain):
                return True
        return False

    async def fail(self, id: str, now: datetime, fault: Fault) -> bool:
        """ERROR, whatever was being done, unless it is being deleted."""
        going = sa.and_(servers.c.task_state.is_not(None), servers.c.task_state == "deleting")
        stmt = servers.update().where(servers.c.id == id, LIVE, sa.not_(going))
        return bool(await self.db.execute(stmt.values(vm_state="error", task_state=None, updated_at=now, fault=msgspec.to_builtins(fault))))

    async def on_host(self, host: str) -> list[Server]:
        return await self.db.all(Server, sa.select(servers).where(servers.c.host == host, LIVE))

    async def hosts_of(self, ids: Collection[str]) -> dict[str, str]:
        """id → host, of those that have one."""
        placed = sa.select(servers.c.id, servers.c.host).where(servers.c.id.in_(list(ids)), LIVE, servers.c.host.is_not(None))
        rows = await self.db.rows(placed)
        return {r[0]: r[1] for r in rows}

    async def placed(self) -> list[tuple[str, str]]:
        """(id, host) of every live server with a host."""
        rows = await self.db.rows(sa.select(servers.c.id, servers.c.host).where(LIVE, servers.c.host.is_not(None)))
        return [(r[0], r[1]) for r in rows]

    async def seats(self, *, properties: bool = False) -> list[Seat]:
        """Every live server with a host; with what its image says of itself only when that is wanted."""
        c = servers.c
        columns = [c.id, c.host, c.vm_state, c.task_state, *([c.system_metadata] if properties else [])]
        rows = await self.db.rows(sa.select(*columns).where(LIVE, c.host.is_not(None)))
        return [Seat(id, host, vm_state == "building" or task in WRITING,
                     tuple(f"{k[6:]}={v}" for k, v in rest[0].items() if k.startswith("image_")) if rest else ())
                for id, host, vm_state, task, *rest in rows]

    async def at_rest_with_nics(self) -> list[tuple[str, list[Nic]]]:
        """(id, interfaces) of every live server on a host that nothing is being done to."""
        c = servers.c
        rows = await self.db.rows(sa.select(c.id, c.nics).where(LIVE, c.host.is_not(None), c.task_state.is_(None)))
        return [(id, msgspec.convert(nics, list[Nic])) for id, nics in rows if nics]

    async def tags(self) -> list[tuple[str, list[str]]]:
        """(id, tags) of every live server."""
        return [(r[0], r[1]) for r in await self.db.rows(sa.select(servers.c.id, servers.c.tags).where(LIVE))]

    async def resting_since(self, vm_state: str, before: datetime) -> list[Server]:
        """Servers in a state, with nothing being done to them, since before a moment."""
        idle = (servers.c.vm_state == vm_state, servers.c.task_state.is_(None), servers.c.updated_at < before)
        return await self.db.all(Server, sa.select(servers).where(LIVE, *idle))

    async def stuck(self, before: datetime) -> list[Server]:
        """Servers in a task since before a moment."""
        return await self.db.all(Server, sa.select(servers).where(LIVE, servers.c.task_state.is_not(None), servers.c.updated_at < before))

    async def list(self, wanted: ServerFilter, *, limit: int | None = None, marker: str | None = None) -> list[Server]:
        """The servers asked for, sorted, from behind `marker`. Raises Invalid for a marker nobody knows."""
        stmt = sa.select(servers).where(*_conditions(wanted))
        keys = [(SORT_KEYS[key], direction == "desc") for key, direction in wanted.sort]
        if not any(column is servers.c.id for column, _ in keys):
            keys.append((servers.c.id, keys[0][1] if keys else True))
        if marker is not None:
            last = await self.find(marker)
            if last is None or wanted.scope not in (EVERYONE, last.project_id):
                raise Invalid(f"marker [{marker}] not found")
            stmt = stmt.where(_behind(keys, last))
        stmt = stmt.order_by(*[column.desc() if down else column.asc() for column, down in keys])
        return await self.db.all(Server, stmt.limit(limit) if limit else stmt)


def _conditions(w: ServerFilter) -> list[sa.ColumnElement]:
    c = servers.c
    exact = {c.project_id: w.project_id, c.user_id: w.user_id, c.host: w.host, c.host_id: w.host_id, c.flavor_id: w.flavor_id,
             c.image_id: w.image_id, c.reservation_id: w.reservation_id, c.availability_zone: w.availability_zone, c.key_name: w.key_name,
             c.config_drive: w.config_drive, c.power_state: w.power_state, c.launch_index: w.launch_index, c.created_at: w.created_at,
             c.launched_at: w.launched_at, c.terminated_at: w.terminated_at}
    found = [column == value for column, value in exact.items() if value is not None]
    if w.scope != EVERYONE:
        found.append(c.project_id == w.scope)
    if w.vm_states is not None:
        found.append(c.vm_state.in_(list(w.vm_states)))
    if w.task_states is not None:
        some = c.task_state.in_([t for t in w.task_states if t is not None])
        found.append(sa.or_(some, c.task_state.is_(None)) if None in w.task_states else some)
    matched = {c.name: w.name, c.description: w.description, c.hostname: w.hostname, c.access_ip_v4: w.access_ip_v4,
               c.access_ip_v6: w.access_ip_v6}
    found += [column.regexp_match(pattern) for column, pattern in matched.items() if pattern is not None]
    if w.locked is not None:
        found.append(c.locked_by.is_not(None) if w.locked else c.locked_by.is_(None))
    if w.ids is not None:
        found.append(c.id.in_(list(w.ids)))
    if w.changes_since is not None:
        found.append(c.updated_at >= w.changes_since)
    if w.changes_before is not None:
        found.append(c.updated_at <= w.changes_before)
    if w.deleted is not None:
        found.append(c.deleted_at.is_not(None) if w.deleted else LIVE)
    if w.deleted is False and w.vm_states is None:
        found.append(c.vm_state != "soft-delete")      # shown to those who ask for that state
    return found


def _behind(keys: list[tuple[sa.Column, bool]], last: Server) -> sa.ColumnElement:
    """Rows that sort behind `last`: a comparison of tuples, spelled out because directions may differ and values be null."""
    ways = []
    for i, (column, down) in enumerate(keys):
        equal = [same == getattr(last, same.name) if getattr(last, same.name) is not None else same.is_(None) for same, _ in keys[:i]]
        value = getattr(last, column.name)
        if value is None:
            # Nulls sort first going up (SQLite, MySQL): everything else is behind them, or nothing when going down.
            beyond: sa.ColumnElement[bool] = sa.false() if down else column.is_not(None)
        else:
            beyond = sa.or_(column < value, column.is_(None)) if down else column > value
        ways.append(sa.and_(*equal, beyond))
    return sa.or_(*ways)
