"""What a container's database knows of its shards, and the rows that wait for their way to one."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from pileus.object_store.model.shards import WHOLE, ShardRange, merged
from pileus.object_store.model.timestamp import seconds, stamp

if TYPE_CHECKING:
    from pileus.object_store.storage.database.container import ContainerBroker

SCHEMA = """
CREATE TABLE shard (
    name TEXT PRIMARY KEY, lower TEXT NOT NULL, upper TEXT NOT NULL, state TEXT NOT NULL, goes_into TEXT NOT NULL, changed_at TEXT NOT NULL,
    deleted INTEGER NOT NULL, object_count INTEGER NOT NULL, bytes_used INTEGER NOT NULL, counted_at TEXT NOT NULL,
    handed INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE misplaced (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, record TEXT NOT NULL);
"""
COLUMNS = ("name", "lower", "upper", "state", "goes_into", "changed_at", "deleted", "object_count", "bytes_used", "counted_at", "handed")
DELEGATED = f"deleted=0 AND (handed=1 OR state IN {WHOLE})"


class Shards:
    """The ranges that a container's database delegates. Several processes may have the same file open: nothing is remembered here."""

    def __init__(self, broker: ContainerBroker):
        self.broker = broker

    def all(self) -> list[ShardRange]:
        rows = self.broker.all(f"SELECT {', '.join(COLUMNS)} FROM shard ORDER BY lower, name")
        return [msgspec.convert(dict(zip(COLUMNS, row, strict=True)), ShardRange, strict=False) for row in rows]

    def current(self) -> list[ShardRange]:
        return [r for r in self.all() if not r.deleted]

    def any(self) -> bool:
        return bool(self.broker.all("SELECT 1 FROM shard WHERE deleted=0 LIMIT 1"))

    def of(self, name: str, *, returning: bool = True) -> ShardRange | None:
        """The range that a name is delegated with: the one that `model.shards.owned` says. Without `returning` ones it is who takes
        rows in that come back from a shard, or from other replicas."""
        where = DELEGATED if returning else f"{DELEGATED} AND state != 'returning'"
        found = self.broker.all(f"SELECT {', '.join(COLUMNS)} FROM shard WHERE {where} AND lower < ? AND (upper = '' OR upper >= ?)"
                                " ORDER BY name LIMIT 1", (name, name))
        return msgspec.convert(dict(zip(COLUMNS, found[0], strict=True)), ShardRange, strict=False) if found else None

    def merge(self, told: Iterable[ShardRange]) -> None:
        """Take in what is newer."""
        known = {r.name: r for r in self.all()}
        changed = [m for t in told if (m := merged(known.get(t.name), t)) != known.get(t.name)]
        if changed:
            with self.broker.writing() as db:
                for each in changed:
                    self._put(db, each)

    def reclaim(self, before: str) -> None:
        """Forget what was replaced long ago, a day after the sharder could take it away."""
        before = stamp(max(0.0, seconds(before) - 86_400)) if before else before
        if self.broker.all("SELECT 1 FROM shard WHERE deleted=1 AND changed_at < ? LIMIT 1", (before,)):
            with self.broker.writing() as db:
                db.execute("DELETE FROM shard WHERE deleted=1 AND changed_at < ?", (before,))

    def _put(self, db: sqlite3.Connection, each: ShardRange) -> None:
        values = [getattr(each, column) for column in COLUMNS]
        db.execute(f"INSERT OR REPLACE INTO shard ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})", values)

    def counts(self) -> tuple[int, int, bool]:
        """Objects and bytes of what is delegated; and whether the last shard's rows are coming back: they still count there."""
        found = self.broker.all("SELECT coalesce(sum(object_count), 0), coalesce(sum(bytes_used), 0), coalesce(max(state='returning'), 0)"
                                f" FROM shard WHERE {DELEGATED}")
        count, used, returning = found[0]
        return count, used, bool(returning)

    # ---- where to cut ------------------------------------------------------------------------------------------------
    def cuts(self, rows: int, least: int) -> list[str]:
        """Names after which so many rows each may be cut off; what is left at the end has at least `least`."""
        found: list[str] = []
        at = ""
        while True:
            cut = self.broker.all("SELECT name FROM object WHERE deleted=0 AND name > ? ORDER BY name LIMIT 1 OFFSET ?", (at, rows - 1))
            left = self.broker.all("SELECT name FROM object WHERE deleted=0 AND name > ? ORDER BY name LIMIT 1 OFFSET ?",
                                   (at, rows + least - 1)) if cut else []
            if not left:
                return found
            at = cut[0][0]
            found.append(at)

    # ---- handing over ------------------------------------------------------------------------------------------------
    def rows_of(self, each: ShardRange, after: int, limit: int) -> list[dict[str, Any]]:
        """Rows of a range behind a number, deleted ones included."""
        return self.broker.since_where(after, limit, "name > ? AND (? = '' OR name <= ?)", (each.lower, each.upper, each.upper))

    def hand_over(self, each: ShardRange, last: int) -> bool:
        """The shard has all rows of a range up to a number: it is asked from now on, unless there are newer rows here."""
        with self.broker.writing() as db:
            newest = db.execute("SELECT coalesce(max(ROWID), -1) FROM object WHERE ROWID > ? AND name > ? AND (? = '' OR name <= ?)",
                                (last, each.lower, each.upper, each.upper)).fetchone()[0]
            if newest > last:
                return False
            # What was counted before was counted by somebody else: these rows are still counted as one's own.
            db.execute("UPDATE shard SET handed=1 WHERE name=?", (each.name,))
            return True

    def purge(self, each: ShardRange, limit: int) -> int:
        """Remove rows that were handed over; they count as the shard's from now on."""
        with self.broker.writing() as db:
            rows = db.execute("SELECT ROWID, name, created_at, size, deleted, storage_policy_index, ctype_at, meta_at FROM object"
                              " WHERE deleted IN (0, 1) AND name > ? AND (? = '' OR name <= ?) LIMIT ?",
                              (each.lower, each.upper, each.upper, limit)).fetchall()
            self.broker.remove_rows(db, rows)
            there = [row for row in rows if not row[4]]
            if there and not each.counted_at:
                db.execute("UPDATE shard SET object_count=object_count+?, bytes_used=bytes_used+? WHERE name=? AND counted_at=''",
                           (len(there), sum(row[3] for row in there), each.name))
            return len(rows)

    # ---- rows that came to the wrong place ---------------------------------------------------------------------------
    def misplace(self, db: sqlite3.Connection, record: Mapping[str, Any]) -> None:
        db.execute("INSERT INTO misplaced (record) VALUES (?)", (msgspec.json.encode(record).decode("utf-8", "surrogateescape"),))

    def wait(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Keep rows that are a shard's and could not be told to it."""
        with self.broker.writing() as db:
            for record in records:
                self.misplace(db, record)

    def misplaced(self, limit: int) -> list[tuple[int, dict[str, Any]]]:
        return [(number, msgspec.json.decode(text)) for number, text in
                self.broker.all("SELECT ROWID, record FROM misplaced ORDER BY ROWID LIMIT ?", (limit,))]

    def placed(self, numbers: Sequence[int]) -> None:
        with self.broker.writing() as db:
            db.executemany("DELETE FROM misplaced WHERE ROWID=?", [(number,) for number in numbers])
