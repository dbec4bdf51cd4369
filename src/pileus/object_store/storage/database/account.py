"""The database of an account: its containers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pileus.object_store.storage.database.broker import Broker, row_hash
from pileus.object_store.storage.database.listing import Page, walk

COLUMNS = ("name", "put_timestamp", "delete_timestamp", "object_count", "bytes_used", "deleted", "storage_policy_index", "counted_at")


class AccountBroker(Broker):
    rows = "container"
    schema = """
CREATE TABLE container (
    ROWID INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, put_timestamp TEXT NOT NULL, delete_timestamp TEXT NOT NULL,
    object_count INTEGER NOT NULL, bytes_used INTEGER NOT NULL, deleted INTEGER NOT NULL DEFAULT 0,
    storage_policy_index INTEGER NOT NULL DEFAULT 0, counted_at TEXT NOT NULL);
CREATE UNIQUE INDEX container_by_name ON container (deleted, name);
CREATE TABLE policy_stat (storage_policy_index INTEGER PRIMARY KEY, container_count INTEGER NOT NULL, object_count INTEGER NOT NULL,
    bytes_used INTEGER NOT NULL);
"""

    def counts(self, policy: int) -> dict[str, int]:
        sums = self.db.execute("SELECT coalesce(sum(container_count), 0), coalesce(sum(object_count), 0), coalesce(sum(bytes_used), 0)"
                               " FROM policy_stat").fetchone()
        return dict(zip(("container_count", "object_count", "bytes_used"), sums, strict=True))

    def is_empty(self, info: Mapping[str, Any]) -> bool:
        return info["container_count"] == 0

    def is_deleted(self, info: Mapping[str, Any] | None = None) -> bool:
        """An account is gone as soon as it is deleted: the reaper takes what is in it away."""
        info = info or self.info()
        return info["delete_timestamp"] > info["put_timestamp"]

    def policy_stats(self) -> list[tuple[int, int, int, int]]:
        return self.all("SELECT storage_policy_index, container_count, object_count, bytes_used FROM policy_stat")

    def merge(self, records: Iterable[Mapping[str, Any]], source: str = "") -> int:
        changed, last = 0, -1
        with self.writing() as db:
            digest = int(db.execute("SELECT hash FROM info").fetchone()[0], 16)
            for record in records:
                last = max(last, record.get("row", -1))
                new = tuple(record[c] for c in COLUMNS)
                old = db.execute(f"SELECT ROWID, {', '.join(COLUMNS)} FROM container WHERE deleted IN (0, 1) AND name=?",
                                 new[:1]).fetchone()
                merged = _newest(old[1:] if old else None, new)
                if old and merged == old[1:]:
                    continue
                if old:
                    db.execute("DELETE FROM container WHERE ROWID=?", old[:1])
                    digest ^= row_hash(*old[1:6])
                    self._count(db, old[1:], -1)
                db.execute(f"INSERT INTO container ({', '.join(COLUMNS)}) VALUES (?,?,?,?,?,?,?,?)", merged)
                digest ^= row_hash(*merged[:5])
                self._count(db, merged, 1)
                changed += 1
            db.execute("UPDATE info SET hash=?", (f"{digest:032x}",))
            if source and last >= 0:
                db.execute("INSERT INTO incoming_sync (remote_id, sync_point) VALUES (?,?) ON CONFLICT (remote_id)"
                           " DO UPDATE SET sync_point=max(sync_point, excluded.sync_point)", (source, last))
        return changed

    def _count(self, db: Any, row: tuple, sign: int) -> None:
        if not row[5]:
            db.execute("INSERT INTO policy_stat VALUES (?,?,?,?) ON CONFLICT (storage_policy_index) DO UPDATE SET"
                       " container_count=container_count+excluded.container_count, object_count=object_count+excluded.object_count,"
                       " bytes_used=bytes_used+excluded.bytes_used", (row[6], sign, sign * row[3], sign * row[4]))

    def reclaim(self, before: str) -> None:
        self._reclaim(before, "delete_timestamp < ?", "name, put_timestamp, delete_timestamp, object_count, bytes_used")

    def list(self, page: Page) -> list[tuple]:
        """Rows of name, objects, bytes, when it was put, policy; of a folder, its name only."""
        def fetch(bounds: str, values: list[Any], reverse: bool, limit: int) -> list[tuple]:
            where = "deleted=0" + (f" AND {bounds}" if bounds else "")
            return self.all(f"SELECT name, object_count, bytes_used, put_timestamp, storage_policy_index FROM container WHERE {where}"
                            f" ORDER BY name {'DESC' if reverse else 'ASC'} LIMIT ?", [*values, limit])

        return walk(fetch, page)


def _newest(old: tuple | None, new: tuple) -> tuple:
    """The newer put and the newer delete; the counts come from whoever counted last: one who had not heard of everything counts again."""
    name, put, delete, *_ = new
    if old is not None:
        put, delete = max(old[1], new[1]), max(old[2], new[2])
    count, used, _, policy, at = (new if old is None or (new[7], new[3:5]) > (old[7], old[3:5]) else old)[3:]
    gone = delete > put and not count
    return (name, put, delete, 0 if gone else count, 0 if gone else used, int(gone), policy, at)
