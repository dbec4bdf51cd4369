"""Objects in memory: the twin of `diskfile.py`, for tests and for stores that need not last.

What counts is decided by the same `history.py`, over the same names of files.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from pileus.object_store.storage.object import hashes
from pileus.object_store.storage.object.diskfile import updated
from pileus.object_store.storage.object.files import Content, Found, Metadata, Missing, Quarantined, Writer
from pileus.object_store.storage.object.history import History, ctype_time, data_time, fragment_name, resolve

#: partition → object's hash → file's name → metadata and content
Parts = dict[int, dict[str, dict[str, tuple[Metadata, bytes]]]]


class MemoryFiles:
    """`before`: called before each change, and may have it fail: what was changed until then stays. `parts`: what is there already."""

    def __init__(self, reclaim_before: Callable[[], str] = lambda: "", before: Callable[[], None] = lambda: None,
                 parts: Parts | None = None):
        self.reclaim_before, self.before = reclaim_before, before
        self.parts: Parts = {} if parts is None else parts

    def _files(self, part: int, hash: str) -> dict[str, tuple[Metadata, bytes]]:
        return self.parts.get(part, {}).get(hash, {})

    def open(self, part: int, hash: str) -> Found:
        files = self._files(part, hash)
        history = resolve(files)
        if history.data is None:
            raise Missing(history.timestamp)
        metadata, content = files[history.data]
        if "name" not in metadata or metadata.get("content-length") != str(len(content)):
            self.quarantine(part, hash, "its length is another")
            raise Quarantined()
        metadata = dict(metadata)
        at = ctype_at = meta_at = data_time(history.data)
        if history.meta:
            metadata, meta_at = updated(metadata, files[history.meta][0]), data_time(history.meta)
        for name in (history.meta, history.ctype):
            if name and ctype_time(name) > ctype_at:
                metadata["content-type"], ctype_at = files[name][0]["content-type"], ctype_time(name)
        return Found(metadata=metadata, timestamp=at, meta_timestamp=meta_at, ctype_timestamp=ctype_at, size=len(content),
                     content=Content(content))

    # ---- fragments ---------------------------------------------------------------------------------------------------
    def names(self, part: int, hash: str) -> list[str]:
        return resolve(self._files(part, hash)).counting

    def open_fragment(self, part: int, hash: str, timestamp: str, index: int) -> Found:
        for durable in (True, False):
            if (held := self._files(part, hash).get(fragment_name(timestamp, index, durable=durable))) is not None:
                metadata, content = held
                return Found(metadata=dict(metadata), timestamp=timestamp, meta_timestamp=timestamp, ctype_timestamp=timestamp,
                             size=len(content), content=Content(content))
        raise Missing()

    def make_durable(self, part: int, hash: str, timestamp: str, index: int) -> None:
        files, names = self._files(part, hash), [fragment_name(timestamp, index, durable=durable) for durable in (False, True)]
        if names[0] in files:
            self.before()
            files[names[1]] = files.pop(names[0])
            self.clean(files)
        elif names[1] not in files:
            raise Missing()

    # ---- writing -----------------------------------------------------------------------------------------------------
    def create(self, part: int, hash: str, size: int | None) -> Writer:
        return MemoryWriter(self, part, hash)

    def delete(self, part: int, hash: str, timestamp: str) -> None:
        self.keep(part, hash, f"{timestamp}.ts", {"x-timestamp": timestamp}, b"")

    def update(self, part: int, hash: str, timestamp: str, metadata: Mapping[str, str], ctype_timestamp: str = "") -> None:
        self.keep(part, hash, f"{timestamp}~{ctype_timestamp}.meta" if ctype_timestamp else f"{timestamp}.meta", metadata, b"")

    def keep(self, part: int, hash: str, name: str, metadata: Mapping[str, str], content: bytes) -> None:
        """Add a file, and forget what it makes obsolete."""
        self.before()
        files = self.parts.setdefault(part, {}).setdefault(hash, {})
        files.setdefault(name, (dict(metadata), content))
        self.clean(files)

    def clean(self, files: dict[str, tuple[Metadata, bytes]], reclaim_before: str = "") -> History:
        """Forget what is obsolete; returns what counts."""
        history = resolve(files, reclaim_before=reclaim_before)
        for obsolete in history.obsolete:
            self.before()
            del files[obsolete]
        return history

    # ---- for replication ---------------------------------------------------------------------------------------------
    def partitions(self) -> list[int]:
        return sorted(self.parts)

    def hashes(self, part: int, *, all_again: bool = False) -> dict[str, str]:
        suffixes = {hash[-3:] for hash in self.parts.get(part, {})}
        found = {suffix: hashes.of_names(self.suffix(part, suffix)) for suffix in suffixes}
        return {suffix: value for suffix, value in found.items() if value is not None}

    def suffix(self, part: int, suffix: str) -> dict[str, list[str]]:
        found = {}
        for hash, files in list(self.parts.get(part, {}).items()):
            if hash[-3:] == suffix:
                history = self.clean(files, self.reclaim_before())
                if history.counting:
                    found[hash] = history.counting
                else:
                    del self.parts[part][hash]
        return found

    def read_file(self, part: int, hash: str, name: str) -> tuple[Metadata, Content, int]:
        """Raises FileNotFoundError."""
        if name not in self._files(part, hash):
            raise FileNotFoundError(name)
        metadata, content = self._files(part, hash)[name]
        return metadata, Content(content), len(content)

    def store_file(self, part: int, hash: str, name: str, writer: Writer | None, metadata: Mapping[str, str]) -> None:
        if writer is None:
            self.keep(part, hash, name, metadata, b"")
        else:
            writer.commit_as(name, metadata)

    def remove(self, part: int, hash: str, names: Iterable[str]) -> None:
        for name in names:
            self.before()
            self._files(part, hash).pop(name, None)

    def remove_partition(self, part: int) -> bool:
        if self.hashes(part):
            return False
        self.parts.pop(part, None)
        return True

    def quarantine(self, part: int, hash: str, why: str) -> None:
        self.parts.get(part, {}).pop(hash, None)


class MemoryWriter:
    def __init__(self, files: MemoryFiles, part: int, hash: str):
        self.files, self.part, self.hash, self.parts = files, part, hash, list[bytes]()

    def write(self, data: bytes) -> None:
        self.parts.append(data)

    def commit(self, timestamp: str, metadata: Mapping[str, str]) -> None:
        self.commit_as(f"{timestamp}.data", metadata)

    def commit_as(self, name: str, metadata: Mapping[str, str]) -> None:
        self.files.keep(self.part, self.hash, name, metadata, b"".join(self.parts))

    def abort(self) -> None:
        self.parts.clear()
