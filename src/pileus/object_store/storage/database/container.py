"""The database of a container: its objects."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pileus.object_store.model.shards import ShardRange
from pileus.object_store.storage.database.broker import Broker, Metadata, row_hash
from pileus.object_store.storage.database.listing import Page, walk
from pileus.object_store.storage.database.shards import SCHEMA as SHARD_SCHEMA
from pileus.object_store.storage.database.shards import Shards

#: What is newest counts of each: data (size, hash, whether it is there), content type, metadata.
COLUMNS = ("name", "created_at", "size", "content_type", "etag", "deleted", "storage_policy_index", "ctype_at", "meta_at")


class ContainerBroker(Broker):
    rows = "object"
    schema = """
CREATE TABLE object (
    ROWID INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, created_at TEXT NOT NULL, size INTEGER NOT NULL,
    content_type TEXT NOT NULL, etag TEXT NOT NULL, deleted INTEGER NOT NULL DEFAULT 0, storage_policy_index INTEGER NOT NULL DEFAULT 0,
    ctype_at TEXT NOT NULL, meta_at TEXT NOT NULL);
CREATE UNIQUE INDEX object_by_name ON object (deleted, name, storage_policy_index);
CREATE TABLE policy_stat (storage_policy_index INTEGER PRIMARY KEY, object_count INTEGER NOT NULL, bytes_used INTEGER NOT NULL);
""" + SHARD_SCHEMA

    @property
    def shards(self) -> Shards:
        return Shards(self)

    def ranges(self) -> list[ShardRange]:
        return self.shards.all()

    def merge_ranges(self, told: Iterable[ShardRange]) -> None:
        self.shards.merge(told)

    def counts(self, policy: int) -> dict[str, int]:
        """Objects of a policy; all that shards have are of the container's policy, and what comes back from one is counted there."""
        count, used, returning = self.shards.counts()
        own = {} if returning else self.own_counts(policy)
        return {"object_count": count + own.get("object_count", 0), "bytes_used": used + own.get("bytes_used", 0)}

    def own_counts(self, policy: int) -> dict[str, int]:
        """Objects of a policy that are rows of this database."""
        row = self.db.execute("SELECT object_count, bytes_used FROM policy_stat WHERE storage_policy_index=?", (policy,)).fetchone()
        return dict(zip(("object_count", "bytes_used"), row or (0, 0), strict=True))

    def is_empty(self, info: Mapping[str, Any]) -> bool:
        return not any(count for _, count, _ in self.policy_stats())

    def policy_stats(self) -> list[tuple[int, int, int]]:
        return self.all("SELECT storage_policy_index, object_count, bytes_used FROM policy_stat")

    def set_policy(self, index: int, timestamp: str) -> None:
        """Objects of this container are listed of this policy from now on."""
        with self.writing() as db:
            db.execute("UPDATE info SET storage_policy_index=?, status_changed_at=max(status_changed_at, ?)", (index, timestamp))

    def merge_info(self, other: Mapping[str, Any], metadata: Metadata) -> None:
        mine = self.info()
        super().merge_info(other, metadata)
        if theirs_wins(mine, other):
            with self.writing() as db:
                db.execute("UPDATE info SET storage_policy_index=?, status_changed_at=?",
                           (other["storage_policy_index"], other["status_changed_at"]))

    def misplaced_rows(self, policy: int, limit: int) -> list[tuple]:
        """Rows (name, when, whether deleted, policy) of other policies than this: objects, and deletions of what is still there."""
        if all(index == policy for index, _, _ in self.policy_stats()):
            return []
        objects = self.all("SELECT name, created_at, deleted, storage_policy_index FROM object WHERE deleted=0"
                           " AND storage_policy_index != ? LIMIT ?", (policy, limit))
        return objects + self.all(
            "SELECT gone.name, gone.created_at, 1, gone.storage_policy_index FROM object AS gone JOIN object AS there ON there.deleted=0"
            " AND there.name=gone.name AND there.storage_policy_index=? WHERE gone.deleted=1 AND gone.storage_policy_index != ?"
            " AND there.created_at < gone.created_at LIMIT ?", (policy, policy, limit))

    def merge(self, records: Iterable[Mapping[str, Any]], source: str = "") -> int:
        changed, last = 0, -1
        stats: dict[int, tuple[int, int]] = {}          # policy → how many objects and bytes more
        with self.writing() as db:
            before, sharded = db.execute("SELECT hash, EXISTS (SELECT 1 FROM shard WHERE deleted=0) FROM info").fetchone()
            digest, shards = int(before, 16), self.shards if sharded else None
            for record in records:
                last = max(last, record.get("row", -1))
                at = record["created_at"]
                if shards is not None and shards.of(record["name"], returning=False) is not None:
                    # Somebody who did not know that a shard has these: it gets them in time.
                    shards.misplace(db, record)
                    continue
                new = (*(record[c] for c in COLUMNS[:7]), record.get("ctype_at") or at, record.get("meta_at") or at)
                # Within one policy a name has one row; the same name in another policy is another object (reconciler).
                old = db.execute(f"SELECT ROWID, {', '.join(COLUMNS)} FROM object WHERE deleted IN (0, 1) AND name=?"
                                 " AND storage_policy_index=?", (new[0], new[6])).fetchone()
                merged = _newest(old[1:], new) if old else new
                if old and merged == old[1:]:
                    continue
                if old:
                    db.execute("DELETE FROM object WHERE ROWID=?", old[:1])
                    digest ^= row_hash(old[1], old[2], old[8], old[9], old[6])
                db.execute(f"INSERT INTO object ({', '.join(COLUMNS)}) VALUES (?,?,?,?,?,?,?,?,?)", merged)
                digest ^= row_hash(merged[0], merged[1], merged[7], merged[8], merged[5])
                was = (1, old[3]) if old and not old[6] else (0, 0)
                now = (1, merged[2]) if not merged[5] else (0, 0)
                if was != now:
                    count, used = stats.get(merged[6], (0, 0))
                    stats[merged[6]] = count + now[0] - was[0], used + now[1] - was[1]
                changed += 1
            for policy, (count, used) in stats.items():
                db.execute("INSERT INTO policy_stat VALUES (?,?,?) ON CONFLICT (storage_policy_index) DO UPDATE SET"
                           " object_count=object_count+excluded.object_count, bytes_used=bytes_used+excluded.bytes_used",
                           (policy, count, used))
            db.execute("UPDATE info SET hash=?", (f"{digest:032x}",))
            if source and last >= 0:
                db.execute("INSERT INTO incoming_sync (remote_id, sync_point) VALUES (?,?) ON CONFLICT (remote_id)"
                           " DO UPDATE SET sync_point=max(sync_point, excluded.sync_point)", (source, last))
        return changed

    def remove_rows(self, db: Any, rows: Iterable[tuple]) -> None:
        """Remove rows (number, name, created_at, size, deleted, policy, ctype_at, meta_at) as if they had never been here."""
        digest = int(db.execute("SELECT hash FROM info").fetchone()[0], 16)
        for number, name, created, size, deleted, policy, kind, meta in rows:
            db.execute("DELETE FROM object WHERE ROWID=?", (number,))
            digest ^= row_hash(name, created, kind, meta, deleted)
            if not deleted:
                db.execute("UPDATE policy_stat SET object_count=object_count-1, bytes_used=bytes_used-? WHERE storage_policy_index=?",
                           (size, policy))
        db.execute("UPDATE info SET hash=?", (f"{digest:032x}",))

    def reported(self, info: Mapping[str, Any]) -> None:
        """The account has been told this state."""
        with self.writing() as db:
            names = ("put_timestamp", "delete_timestamp", "object_count", "bytes_used")
            db.execute("UPDATE info SET " + ", ".join(f"reported_{name}=?" for name in names), [info[name] for name in names])

    def reclaim(self, before: str) -> None:
        self._reclaim(before, "created_at < ?", "name, created_at, ctype_at, meta_at, deleted")
        self.shards.reclaim(before)

    def list(self, page: Page, policy: int) -> list[tuple]:
        """Rows of name, newest timestamp, size, content type and hash; of a folder, its name only."""
        def fetch(bounds: str, values: list[Any], reverse: bool, limit: int) -> list[tuple]:
            where = "deleted=0 AND storage_policy_index=?" + (f" AND {bounds}" if bounds else "")
            return self.all(f"SELECT name, max(created_at, ctype_at, meta_at), size, content_type, etag FROM object WHERE {where}"
                            f" ORDER BY name {'DESC' if reverse else 'ASC'} LIMIT ?", [policy, *values, limit])

        return walk(fetch, page)


def theirs_wins(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Whether the policy of another replica is the container's. Both sides come to the same result.

    What is there wins over what was deleted, what was made after a deletion over what was made before it; else what was made first.
    """
    if mine["storage_policy_index"] == theirs["storage_policy_index"]:
        return False

    def deleted(info: Mapping[str, Any]) -> bool:
        return info["delete_timestamp"] > info["put_timestamp"] and not info["object_count"]

    if deleted(mine) != deleted(theirs):
        return deleted(mine)
    for stale, other in ((mine, theirs), (theirs, mine)):
        if stale["status_changed_at"] < other["delete_timestamp"] <= other["status_changed_at"]:
            return stale is mine
    return (theirs["status_changed_at"], theirs["storage_policy_index"]) < (mine["status_changed_at"], mine["storage_policy_index"])


def _newest(old: tuple, new: tuple) -> tuple:
    """Of each group of columns the newer. At the same moment a deletion wins: it was decided knowing what it deletes."""
    data = new if (new[1], new[5]) > (old[1], old[5]) else old
    kind = new if new[7] > old[7] else old
    return (data[0], data[1], data[2], kind[3], data[4], data[5], data[6], kind[7], max(old[8], new[8]))
