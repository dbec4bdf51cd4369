"""Objects as files: DEVICE/objects/PARTITION/SUFFIX/HASH/TIMESTAMP.data and its relatives (see `history.py`).

A body is written to a file without a name; `commit` attaches the metadata, brings it to the disk and only then gives it its
name. Whoever opens the folder finds the old files or the new one. A crash leaves nothing: a file without a name is gone.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pileus.core.log import Log
from pileus.object_store.model.names import folder, partition
from pileus.object_store.storage.object import attrs, hashes
from pileus.object_store.storage.object.files import Found, Metadata, Missing, Quarantined, Writer
from pileus.object_store.storage.object.history import History, ctype_time, data_time, fragment_name, resolve
from pileus.object_store.wire.body import FileBody

log = Log("pileus.object_store.diskfile")

#: Of a long body so much at a time is sent on its way to the disk.
WRITE_BEHIND = 2 << 20
#: What a POST does not replace: it belongs to the body.
OF_THE_BODY = ("name", "content-length", "etag", "x-timestamp")


def _now(function: Callable[..., Any], *args: Any) -> None:
    function(*args)


class DiskFiles:
    """`root`: the device's folder; `place`: that of the policy in it; `run`: how reading is done in threads; `later`: how what nobody
    waits for is done.

    `reclaim_before`: tombstones from before this are forgotten. `next_power`: while the partitions of the ring are being doubled, their
    power of two: files have a second name then, where they will be looked for."""

    def __init__(self, root: Path, place: str, *, run: Callable[..., Any], fsync: bool = True, later: Callable[..., Any] = _now,
                 reclaim_before: Callable[[], str] = lambda: "", next_power: Callable[[], int | None] = lambda: None):
        self.reclaim_before, self.next_power = reclaim_before, next_power
        self.root, self.place, self.run, self.later, self.fsync = root, f"{root}/{place}", run, later, fsync
        self.temporary = root / "tmp"

    def folder(self, part: int, hash: str) -> str:
        return f"{self.place}/{folder(part, hash)}"

    def history(self, part: int, hash: str, reclaim_before: str = "") -> History:
        try:
            return resolve(os.listdir(self.folder(part, hash)), reclaim_before=reclaim_before)
        except FileNotFoundError:
            return History()
        except NotADirectoryError:
            self.quarantine(part, hash, "not a folder")
            return History()

    # ---- reading -----------------------------------------------------------------------------------------------------
    def open(self, part: int, hash: str) -> Found:
        where = self.folder(part, hash)
        while True:
            history = self.history(part, hash)
            if history.data is None:
                raise Missing(history.timestamp)
            try:
                return self._open(where, history)
            except FileNotFoundError:
                continue                    # a newer one took its place between the look and the opening
            except ValueError as damage:
                self.quarantine(part, hash, str(damage))
                raise Quarantined() from None

    def _open(self, where: str, history: History) -> Found:
        """Raises ValueError when what is there is damaged, FileNotFoundError when it is gone."""
        assert history.data is not None
        path = f"{where}/{history.data}"
        fd = os.open(path, os.O_RDONLY)
        try:
            metadata, size = attrs.read(fd, path), os.fstat(fd).st_size
            if "name" not in metadata or metadata.get("content-length") != str(size):
                raise ValueError(f"{path} is {size} bytes long, not {metadata.get('content-length')}")
            at = ctype_at = meta_at = data_time(history.data)
            if history.meta:
                metadata, meta_at = updated(metadata, self._meta(where, history.meta)), data_time(history.meta)
            for name in (history.meta, history.ctype):
                if name and ctype_time(name) > ctype_at:
                    metadata["content-type"], ctype_at = self._meta(where, name)["content-type"], ctype_time(name)
        except BaseException:
            os.close(fd)
            raise
        return Found(metadata=metadata, timestamp=at, meta_timestamp=meta_at, ctype_timestamp=ctype_at, size=size,
                     content=OpenFile(fd, self.run))

    def _meta(self, where: str, name: str) -> Metadata:
        path = f"{where}/{name}"
        fd = os.open(path, os.O_RDONLY)
        try:
            return attrs.read(fd, path)
        finally:
            os.close(fd)

    # ---- fragments ---------------------------------------------------------------------------------------------------
    def names(self, part: int, hash: str) -> list[str]:
        return self.history(part, hash).counting

    def open_fragment(self, part: int, hash: str, timestamp: str, index: int) -> Found:
        for durable in (True, False, True):         # it may become durable between two looks
            try:
                return self._open(self.folder(part, hash), History(data=fragment_name(timestamp, index, durable=durable)))
            except FileNotFoundError:
                continue
            except ValueError as damage:
                self.quarantine(part, hash, str(damage))
                raise Quarantined() from None
        raise Missing()

    def make_durable(self, part: int, hash: str, timestamp: str, index: int) -> None:
        where = self.folder(part, hash)
        before, after = (f"{where}/{fragment_name(timestamp, index, durable=durable)}" for durable in (False, True))
        try:
            # What belongs to a file is there before it.
            os.link(before + attrs.SUFFIX, after + attrs.SUFFIX)
        except (FileNotFoundError, FileExistsError):
            pass
        try:
            os.rename(before, after)
        except FileNotFoundError:
            if not os.path.exists(after):
                raise Missing() from None
        if self.fsync:
            sync_folder(where)
        self.changed(part, hash)
        self.clean(part, hash)
        self.relink(part, hash, [os.path.basename(after)])

    # ---- writing -----------------------------------------------------------------------------------------------------
    def create(self, part: int, hash: str, size: int | None) -> FileWriter:
        fd = self._nameless()
        if size:
            try:
                os.posix_fallocate(fd, 0, size)
            except BaseException:
                os.close(fd)
                raise
        return FileWriter(self, part, hash, fd, size or 0)

    def delete(self, part: int, hash: str, timestamp: str) -> None:
        self._mark(part, hash, f"{timestamp}.ts", {"x-timestamp": timestamp})

    def update(self, part: int, hash: str, timestamp: str, metadata: Mapping[str, str], ctype_timestamp: str = "") -> None:
        name = f"{timestamp}~{ctype_timestamp}.meta" if ctype_timestamp else f"{timestamp}.meta"
        self._mark(part, hash, name, metadata)

    def _mark(self, part: int, hash: str, name: str, metadata: Mapping[str, str]) -> None:
        fd = self._nameless()
        try:
            self.link(part, hash, fd, name, metadata)
        finally:
            os.close(fd)

    def _nameless(self) -> int:
        try:
            return os.open(self.temporary, os.O_TMPFILE | os.O_RDWR, 0o600)
        except FileNotFoundError:
            self.temporary.mkdir(parents=True, exist_ok=True)
            return os.open(self.temporary, os.O_TMPFILE | os.O_RDWR, 0o600)

    def link(self, part: int, hash: str, fd: int, name: str, metadata: Mapping[str, str]) -> None:
        """Give a written file its metadata and its name, on the disk, and take away what it makes obsolete."""
        where = self.folder(part, hash)
        beside = attrs.write(fd, metadata)
        if self.fsync:
            os.fsync(fd)
        new = []                            # folders with a new entry
        while True:
            new += made(where)
            try:
                if beside is not None:
                    self._sidecar(where, name, beside)
                os.link(f"/proc/self/fd/{fd}", f"{where}/{name}", src_dir_fd=0, follow_symlinks=True)
                break
            except FileExistsError:
                return                      # the same thing said twice
            except FileNotFoundError:
                continue                    # the folder was empty, and a replicator has just removed it
        if self.fsync:
            for path in (where, *new):
                sync_folder(path)
        self.changed(part, hash)
        if os.path.dirname(where) not in new:
            self.clean(part, hash)          # a folder that was just made for this has nothing else in it
        self.relink(part, hash, [name])

    def relink(self, part: int, hash: str, names: Iterable[str]) -> None:
        """Give files their second name, if the number of partitions is being doubled. Repeatable."""
        power = self.next_power()
        other = partition(hash, power) if power is not None else part
        if other == part:
            return
        where, there = self.folder(part, hash), self.folder(other, hash)
        new = [there]
        for name in (name + ending for name in names for ending in (attrs.SUFFIX, "")):
            while os.path.exists(f"{where}/{name}"):
                new += made(there)
                try:
                    os.link(f"{where}/{name}", f"{there}/{name}")
                except FileExistsError:
                    break
                except FileNotFoundError:
                    continue                # it is obsolete meanwhile, or the folder was empty and has just been removed
        if self.fsync:
            for path in new:
                if os.path.isdir(path):
                    sync_folder(path)
        if os.path.isdir(there):
            self.changed(other, hash)
            self.clean(other, hash)

    def _sidecar(self, where: str, name: str, content: bytes) -> None:
        beside = self._nameless()
        try:
            os.write(beside, content)
            if self.fsync:
                os.fsync(beside)
            os.link(f"/proc/self/fd/{beside}", f"{where}/{name}{attrs.SUFFIX}", src_dir_fd=0, follow_symlinks=True)
        except FileExistsError:
            pass
        finally:
            os.close(beside)

    def clean(self, part: int, hash: str, reclaim_before: str = "") -> History:
        """Remove what is obsolete; returns what counts."""
        where = self.folder(part, hash)
        history = self.history(part, hash, reclaim_before)
        for name in history.obsolete:
            try:
                self._drop(f"{where}/{name}")
            except FileNotFoundError:
                pass
        return history

    def _drop(self, path: str) -> None:
        """Take a file its name. A body's blocks are given back later: for a long one that may take as long as it took to write it."""
        held = os.open(path, os.O_PATH) if path.endswith(".data") else None
        try:
            os.unlink(path)
        finally:
            if held is not None:
                self.later(os.close, held)

    # ---- for replication ---------------------------------------------------------------------------------------------
    def partitions(self) -> list[int]:
        try:
            return sorted(int(name) for name in os.listdir(self.place) if name.isdigit())
        except FileNotFoundError:
            return []

    def hashes(self, part: int, *, all_again: bool = False) -> dict[str, str]:
        """suffix → hash of what is in it."""
        return hashes.hashes(f"{self.place}/{part}", lambda suffix: hashes.of_names(self._suffix(part, suffix)), all_again=all_again)

    def suffix(self, part: int, suffix: str) -> dict[str, list[str]]:
        """The files that count of each object in a suffix; what does not is removed on the way."""
        return self._suffix(part, suffix) if os.path.isdir(f"{self.place}/{part}/{suffix}") else {}

    def _suffix(self, part: int, suffix: str) -> dict[str, list[str]]:
        where = f"{self.place}/{part}/{suffix}"
        found: dict[str, list[str]] = {}
        for hash in os.listdir(where):
            history = self.clean(part, hash, self.reclaim_before())
            if names := history.counting:
                found[hash] = names
            else:
                self._remove_folder(f"{where}/{hash}")
        if not found:
            self._remove_folder(where)
        return found

    def _remove_folder(self, path: str) -> None:
        try:
            os.rmdir(path)
        except OSError:
            pass                            # somebody just put something into it

    def read_file(self, part: int, hash: str, name: str) -> tuple[Metadata, OpenFile, int]:
        """One file as it is: metadata, content and length. Raises FileNotFoundError, and ValueError for a damaged one."""
        path = f"{self.folder(part, hash)}/{name}"
        fd = os.open(path, os.O_RDONLY)
        content = OpenFile(fd, self.run)
        return attrs.read(fd, path), content, os.fstat(fd).st_size

    def store_file(self, part: int, hash: str, name: str, writer: Writer | None, metadata: Mapping[str, str]) -> None:
        """Keep a file that another replica has, under its own name."""
        if writer is None:
            self._mark(part, hash, name, metadata)
        else:
            writer.commit_as(name, metadata)

    def remove(self, part: int, hash: str, names: Iterable[str]) -> None:
        """Remove files that are safe elsewhere."""
        for name in names:
            for suffix in ("", attrs.SUFFIX):
                Path(f"{self.folder(part, hash)}/{name}{suffix}").unlink(missing_ok=True)
        hashes.invalidate(f"{self.place}/{part}", hash[-3:])
        self._remove_folder(self.folder(part, hash))

    def remove_partition(self, part: int) -> bool:
        """Remove a partition in which nothing is left."""
        where = Path(f"{self.place}/{part}")
        if self.hashes(part):
            return False
        for name in (".lock", "hashes.json", "hashes.invalid"):
            (where / name).unlink(missing_ok=True)
        self._remove_folder(str(where))
        return not where.exists()

    def changed(self, part: int, hash: str) -> None:
        """Note that a suffix's hash is no longer what was reckoned."""
        hashes.invalidate(f"{self.place}/{part}", hash[-3:])

    def quarantine(self, part: int, hash: str, why: str) -> None:
        """Put what is damaged away, where nothing looks but a person: replication brings a good copy."""
        log.error("object quarantined", device=str(self.root), hash=hash, why=why)
        power = self.next_power()
        for each in {part, partition(hash, power) if power is not None else part}:
            self._put_away(each, hash)

    def _put_away(self, part: int, hash: str) -> None:
        away = self.root / "quarantined" / os.path.basename(self.place) / hash
        away.parent.mkdir(parents=True, exist_ok=True)
        number = 0
        while True:
            try:
                os.rename(self.folder(part, hash), away if not number else f"{away}-{number}")
                break
            except FileNotFoundError:
                return
            except OSError:
                number += 1
        self.changed(part, hash)


class OpenFile:
    """The content of a Found on a disk."""

    def __init__(self, fd: int, run: Callable[..., Any]):
        self.fd, self.run = fd, run

    def body(self, start: int, length: int) -> FileBody:
        fd, self.fd = self.fd, -1
        return FileBody(fd, start, length, self.run)

    def read(self, start: int, length: int) -> bytes:
        return os.pread(self.fd, length, start)

    def close(self) -> None:
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            os.close(fd)

    def __del__(self) -> None:
        self.close()


class FileWriter:
    def __init__(self, files: DiskFiles, part: int, hash: str, fd: int, reserved: int):
        self.files, self.part, self.hash, self.fd, self.reserved, self.size = files, part, hash, fd, reserved, 0
        self.begun = 0                      # up to where it is on its way to the disk

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            done = os.pwrite(self.fd, view, self.size)
            self.size += done
            view = view[done:]
        if self.files.fsync and self.size - self.begun >= WRITE_BEHIND:
            # What is not on the disk yet is begun to be written now, and stays in memory: less is left to wait for at the end.
            os.posix_fadvise(self.fd, self.begun, self.size - self.begun, os.POSIX_FADV_DONTNEED)
            self.begun = self.size

    def commit(self, timestamp: str, metadata: Mapping[str, str]) -> None:
        self.commit_as(f"{timestamp}.data", metadata)

    def commit_as(self, name: str, metadata: Mapping[str, str]) -> None:
        try:
            if self.size < self.reserved:
                os.ftruncate(self.fd, self.size)
            self.files.link(self.part, self.hash, self.fd, name, metadata)
        finally:
            fd, self.fd = self.fd, -1
            os.close(fd)

    def abort(self) -> None:
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            self.files.later(os.close, fd)      # all its blocks are given back

    def __del__(self) -> None:
        self.abort()


def made(path: str) -> list[str]:
    """Make a folder and those above it that are missing; returns those that got a new entry thereby."""
    try:
        os.mkdir(path)
    except FileExistsError:
        return []
    except FileNotFoundError:
        return [*made(os.path.dirname(path)), *made(path)]
    return [os.path.dirname(path)]


def sync_folder(path: Path | str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def updated(body: Metadata, update: Metadata) -> Metadata:
    """An object's metadata after a POST: what belongs to the body stays, all else is replaced."""
    kept = {n: v for n, v in body.items() if n in OF_THE_BODY or n in ("content-type", "x-static-large-object")
            or n.startswith("x-object-sysmeta-")}
    return kept | {n: v for n, v in update.items() if n not in OF_THE_BODY and n != "content-type"}
