"""What databases of accounts and of containers have in common: one SQLite file each, with its own story of what happened.

A database is made complete beside its place and moved there. Its `info` is one row: when it was put and deleted (the newer
counts), counts of what it lists, and metadata, each value with the timestamp that it came with. Rows are never changed in
place: a row that changes gets a new number, so that whoever has seen everything up to a number has seen everything.

`hash` is the exclusive or of a hash of every row: two replicas with the same rows have the same one, whatever the order.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import md5
from pathlib import Path
from threading import RLock
from typing import Any, ClassVar

import msgspec

from pileus.object_store.model.shards import ShardRange
from pileus.object_store.storage.database.home import DiskHome, Home

Metadata = dict[str, tuple[str, str]]       # name → value and the timestamp of that; a deleted one has an empty value
ZERO = "0000000000.00000"

INFO = """
CREATE TABLE info (
    account TEXT NOT NULL, container TEXT NOT NULL DEFAULT '', id TEXT NOT NULL, created_at TEXT NOT NULL,
    put_timestamp TEXT NOT NULL, delete_timestamp TEXT NOT NULL DEFAULT '0000000000.00000', status_changed_at TEXT NOT NULL,
    hash TEXT NOT NULL DEFAULT '00000000000000000000000000000000', metadata TEXT NOT NULL DEFAULT '{}',
    storage_policy_index INTEGER NOT NULL DEFAULT 0,
    reported_put_timestamp TEXT NOT NULL DEFAULT '0000000000.00000', reported_delete_timestamp TEXT NOT NULL DEFAULT '0000000000.00000',
    reported_object_count INTEGER NOT NULL DEFAULT 0, reported_bytes_used INTEGER NOT NULL DEFAULT 0);
CREATE TABLE incoming_sync (remote_id TEXT PRIMARY KEY, sync_point INTEGER NOT NULL, updated_at TEXT NOT NULL DEFAULT '');
CREATE TABLE outgoing_sync (remote_id TEXT PRIMARY KEY, sync_point INTEGER NOT NULL, updated_at TEXT NOT NULL DEFAULT '');
"""


class Absent(Exception):
    """There is no such database, or it is deleted."""


class Broker:
    """One database. Every method blocks and may be called from any thread; one at a time gets in."""

    schema: ClassVar[str]                   # the tables besides `info`
    rows: ClassVar[str]                     # the table that lists

    def __init__(self, path: Path | str, home: Home | None = None):
        self.path, self.home = str(path), home or DiskHome()
        self.lock = RLock()
        identity = self.home.identity(self.path)
        if identity is None:
            raise FileNotFoundError(self.path)
        self.identity = identity
        self.db = self.home.connect(self.path)
        self.db.execute("PRAGMA synchronous=NORMAL")
        self.db.execute("PRAGMA case_sensitive_like=ON")
        self.closed = False

    # ---- making and closing ------------------------------------------------------------------------------------------
    @classmethod
    def build(cls, db: sqlite3.Connection, *, account: str, container: str = "", timestamp: str, id: str, policy: int = 0) -> None:
        """Make an empty file a database."""
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript("PRAGMA synchronous=NORMAL; BEGIN;" + INFO + cls.schema + "COMMIT;")
        db.execute("INSERT INTO info (account, container, id, created_at, put_timestamp, status_changed_at, storage_policy_index)"
                   " VALUES (?,?,?,?,?,?,?)", (account, container, id, timestamp, timestamp, timestamp, policy))

    def close(self) -> None:
        with self.lock:
            self.closed = True
            self.home.disconnect(self.db)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or nothing."""
        with self.lock:
            self.db.execute("BEGIN IMMEDIATE")
            try:
                if not self.home.in_place(self.path, self.identity):
                    raise sqlite3.OperationalError("disk: the database was taken away")
                yield self.db
            except BaseException:
                self.db.execute("ROLLBACK")
                raise
            self.db.execute("COMMIT")

    def remove(self, as_it_was: str | None = None) -> bool:
        """Take the database away; not when its hash is no longer `as_it_was`. Nobody can be writing to it meanwhile."""
        with self.writing() as db:
            if as_it_was is not None and db.execute("SELECT hash FROM info").fetchone()[0] != as_it_was:
                return False
            self.home.remove(self.path)
        self.close()
        return True

    def all(self, sql: str, values: Sequence[Any] = ()) -> list[tuple]:
        with self.lock:
            return self.db.execute(sql, values).fetchall()

    # ---- what it is --------------------------------------------------------------------------------------------------
    def info(self) -> dict[str, Any]:
        """The row of `info`, with the counts of what is listed."""
        with self.lock:
            cursor = self.db.execute("SELECT * FROM info")
            found = dict(zip((c[0] for c in cursor.description), cursor.fetchone(), strict=True))
            return found | self.counts(found["storage_policy_index"])

    def counts(self, policy: int) -> dict[str, int]:
        """What the database lists, in numbers."""
        raise AssertionError("each kind of database counts something else")

    def is_deleted(self, info: Mapping[str, Any] | None = None) -> bool:
        """Deleted later than put, and nothing in it."""
        if info is None:
            if not self.all("SELECT 1 FROM info WHERE delete_timestamp > put_timestamp"):
                return False
            info = self.info()
        return info["delete_timestamp"] > info["put_timestamp"] and self.is_empty(info)

    def is_empty(self, info: Mapping[str, Any]) -> bool:
        raise AssertionError("each kind of database is empty in its own way")

    # ---- putting, deleting, metadata ---------------------------------------------------------------------------------
    def put(self, timestamp: str) -> None:
        """It was put at this time. Repeatable; an older time changes nothing."""
        with self.writing() as db:
            was_deleted = self.is_deleted()
            db.execute("UPDATE info SET put_timestamp=max(put_timestamp, ?)", (timestamp,))
            if was_deleted and not self.is_deleted():
                db.execute("UPDATE info SET status_changed_at=?", (timestamp,))

    def delete(self, timestamp: str) -> None:
        """It was deleted at this time, its metadata with it. An older time than the last put changes nothing."""
        with self.writing() as db:
            was_deleted = self.is_deleted()
            db.execute("UPDATE info SET delete_timestamp=max(delete_timestamp, ?)", (timestamp,))
            if not was_deleted and self.is_deleted():
                db.execute("UPDATE info SET status_changed_at=?", (timestamp,))
                gone = {name: ("", timestamp) for name, (_, at) in self.metadata().items() if at < timestamp}
                self._merge_metadata(db, gone)

    def metadata(self) -> Metadata:
        text = self.all("SELECT metadata FROM info")[0][0]
        return {name: (value, at) for name, (value, at) in msgspec.json.decode(text).items()}

    def update_metadata(self, changes: Metadata) -> None:
        """Each value that is newer than what is there. An empty value deletes."""
        if changes:
            with self.writing() as db:
                self._merge_metadata(db, changes)

    def _merge_metadata(self, db: sqlite3.Connection, changes: Metadata) -> None:
        known = self.metadata()
        for name, (value, at) in changes.items():
            if name not in known or known[name][1] < at:
                known[name] = (value, at)
        db.execute("UPDATE info SET metadata=?", (msgspec.json.encode(known).decode(),))

    # ---- rows --------------------------------------------------------------------------------------------------------
    def merge(self, records: Iterable[Mapping[str, Any]], source: str = "") -> int:
        """Take in rows, each as far as it is newer than what is known of its name; returns how many were.

        Repeatable, in any order. With `source`, the id of the replica they come from, it is remembered how far that was read.
        """
        raise AssertionError("each kind of database has rows of its own")

    def since(self, number: int, limit: int) -> list[dict[str, Any]]:
        """Rows behind a number, deleted ones included."""
        return self.since_where(number, limit, "1", ())

    def since_where(self, number: int, limit: int, condition: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        with self.lock:
            cursor = self.db.execute(f"SELECT ROWID AS row, * FROM {self.rows} WHERE ROWID > ? AND {condition} ORDER BY ROWID LIMIT ?",
                                     (number, *values, limit))
            names = [c[0] for c in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    # ---- shards ------------------------------------------------------------------------------------------------------
    def ranges(self) -> list[ShardRange]:
        """What is delegated: containers only."""
        return []

    def merge_ranges(self, told: Iterable[ShardRange]) -> None:
        """Take in what another replica knows of what is delegated: containers only."""

    # ---- replication -------------------------------------------------------------------------------------------------
    def merge_info(self, other: Mapping[str, Any], metadata: Metadata) -> None:
        """Take in what another replica knows of when it was put and deleted, and its metadata."""
        with self.writing() as db:
            known = self.info()
            db.execute("UPDATE info SET created_at=min(created_at, ?), put_timestamp=max(put_timestamp, ?),"
                       " delete_timestamp=max(delete_timestamp, ?)",
                       (other["created_at"], other["put_timestamp"], other["delete_timestamp"]))
            if self.is_deleted(known) != self.is_deleted():
                db.execute("UPDATE info SET status_changed_at=?", (max(other["status_changed_at"], known["status_changed_at"]),))
            self._merge_metadata(db, metadata)

    def point(self, remote_id: str) -> int:
        """How far the rows of another replica have been taken in."""
        found = self.all("SELECT sync_point FROM incoming_sync WHERE remote_id=?", (remote_id,))
        return found[0][0] if found else -1

    def sent(self, to: str) -> int:
        """How far the rows of this replica have been sent to somewhere else."""
        found = self.all("SELECT sync_point FROM outgoing_sync WHERE remote_id=?", (to,))
        return found[0][0] if found else -1

    def note_sent(self, to: str, number: int) -> None:
        with self.writing() as db:
            db.execute("INSERT OR REPLACE INTO outgoing_sync (remote_id, sync_point) VALUES (?,?)", (to, number))

    def copy(self, other: sqlite3.Connection, id: str) -> None:
        """Make an empty file a copy of the whole, as it is at one moment, under another id: the replica of another device."""
        with self.lock:
            self.db.backup(other)
            source, last = self.info()["id"], self.max_row()
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("DELETE FROM outgoing_sync")
        other.execute("UPDATE info SET id=?, reported_put_timestamp=?, reported_delete_timestamp=?", (id, ZERO, ZERO))
        other.execute("INSERT OR REPLACE INTO incoming_sync (remote_id, sync_point) VALUES (?,?)", (source, last))

    def reclaim(self, before: str) -> None:
        """Forget what was deleted before this."""
        raise AssertionError("each kind of database has rows of its own")

    def _reclaim(self, before: str, condition: str, hash_of: str) -> None:
        with self.writing() as db:
            rows = db.execute(f"SELECT ROWID, {hash_of} FROM {self.rows} WHERE deleted=1 AND {condition} LIMIT 10000", (before,)).fetchall()
            digest = int(db.execute("SELECT hash FROM info").fetchone()[0], 16)
            for number, *parts in rows:
                digest ^= row_hash(*parts)
                db.execute(f"DELETE FROM {self.rows} WHERE ROWID=?", (number,))
            if rows:
                db.execute("UPDATE info SET hash=?", (f"{digest:032x}",))

    def max_row(self) -> int:
        return self.all(f"SELECT coalesce(max(ROWID), -1) FROM {self.rows}")[0][0]


def row_hash(*parts: Any) -> int:
    """One row's share of the hash of a database."""
    return int(md5("-".join(map(str, parts)).encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest(), 16)
