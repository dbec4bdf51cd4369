"""The contract of wherever objects are kept: on a disk and in memory alike."""

import itertools
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.object_store.storage.object import hashes
from pileus.object_store.storage.object.diskfile import DiskFiles
from pileus.object_store.storage.object.files import Missing
from pileus.object_store.storage.object.history import resolve
from pileus.object_store.storage.object.memory import MemoryFiles

HASH = "0123456789abcdef0123456789abcdef"
T = [f"170000000{n}.00000" for n in range(10)]


@pytest.fixture(params=["disk", "memory"])
def files(request, tmp_path: Path):
    return MemoryFiles() if request.param == "memory" else DiskFiles(tmp_path, "objects", run=None, fsync=False)


def put(files, at, body=b"body", **metadata):
    writer = files.create(1, HASH, len(body))
    writer.write(body)
    writer.commit(at, {"name": "/a/c/o", "content-length": str(len(body)), "content-type": "text/a", "etag": "e"} | metadata)
    writer.abort()


def read(files):
    found = files.open(1, HASH)
    try:
        return found, found.content.read(0, found.size)
    finally:
        found.close()


def test_nothing_can_be_seen_before_commit(files):
    writer = files.create(1, HASH, 4)
    writer.write(b"body")
    with pytest.raises(Missing):
        files.open(1, HASH)
    writer.abort()
    writer.abort()
    assert files.hashes(1) == {}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_newest_counts_in_whatever_order_things_come(files, order):
    for n in order:
        (lambda: put(files, T[1], b"old"), lambda: put(files, T[3], b"new"), lambda: files.delete(1, HASH, T[2]))[n]()
    found, body = read(files)
    assert body == b"new" and found.timestamp == T[3]
    assert files.suffix(1, HASH[-3:]) == {HASH: [f"{T[3]}.data"]}


def test_a_deletion_leaves_a_tombstone(files):
    put(files, T[1])
    files.delete(1, HASH, T[2])
    with pytest.raises(Missing) as missing:
        files.open(1, HASH)
    assert missing.value.timestamp == T[2]
    files.reclaim_before = lambda: T[3]
    assert files.suffix(1, HASH[-3:]) == {} and files.remove_partition(1)


def test_metadata_and_content_type_are_newest_each(files):
    put(files, T[1], x="of the body")
    files.update(1, HASH, T[3], {"x-object-meta-a": "3"})
    files.update(1, HASH, T[2], {"x-object-meta-a": "2", "content-type": "text/b"}, T[2])
    found, _ = read(files)
    assert found.metadata["x-object-meta-a"] == "3" and found.metadata["content-type"] == "text/b"
    assert (found.timestamp, found.meta_timestamp, found.ctype_timestamp) == (T[1], T[3], T[2])
    put(files, T[4])
    assert "x-object-meta-a" not in read(files)[0].metadata


def test_what_is_damaged_is_put_away(files):
    writer = files.create(1, HASH, 4)
    writer.write(b"bod")
    writer.commit(T[1], {"name": "/a/c/o", "content-length": "4"})
    with pytest.raises(Missing):
        files.open(1, HASH)
    assert files.hashes(1) == {}


def test_replicas_with_the_same_files_have_the_same_hashes(files, tmp_path):
    other = MemoryFiles()
    for store in (files, other):
        put(store, T[1])
        store.update(1, HASH, T[2], {"x-object-meta-a": "1"})
    assert files.hashes(1) == other.hashes(1)
    other.delete(1, HASH, T[3])
    assert files.hashes(1) != other.hashes(1)
    files.delete(1, HASH, T[3])
    assert files.hashes(1) == other.hashes(1)


def put_fragment(files, at, index):
    writer = files.create(1, HASH, 4)
    writer.write(b"body")
    writer.commit_as(f"{at}#{index}.data", {"name": "/a/c/o", "content-length": "4", "content-type": "text/a", "etag": "e"})
    writer.abort()


def test_a_fragment_counts_once_it_is_durable(files):
    put_fragment(files, T[1], 3)
    with pytest.raises(Missing):
        files.open(1, HASH)
    assert files.names(1, HASH) == [f"{T[1]}#3.data"]
    files.make_durable(1, HASH, T[1], 3)
    files.make_durable(1, HASH, T[1], 3)
    assert files.names(1, HASH) == [f"{T[1]}#3#d.data"] and read(files)[1] == b"body"
    put_fragment(files, T[2], 3)
    assert read(files)[0].timestamp == T[1] and len(files.names(1, HASH)) == 2
    assert files.open_fragment(1, HASH, T[2], 3).timestamp == T[2]
    files.make_durable(1, HASH, T[2], 3)
    assert files.names(1, HASH) == [f"{T[2]}#3#d.data"]
    with pytest.raises(Missing):
        files.make_durable(1, HASH, T[1], 3)
    with pytest.raises(Missing):
        files.open_fragment(1, HASH, T[2], 4)
    files.delete(1, HASH, T[4])
    assert files.names(1, HASH) == [f"{T[4]}.ts"]


def test_a_fragment_with_much_metadata_becomes_durable(files):
    writer = files.create(1, HASH, 4)
    writer.write(b"body")
    writer.commit_as(f"{T[1]}#0.data", {"name": "/a/c/o", "content-length": "4", "etag": "e", "x-object-meta-a": "a" * 5000})
    files.make_durable(1, HASH, T[1], 0)
    assert read(files)[0].metadata["x-object-meta-a"] == "a" * 5000
    assert files.suffix(1, HASH[-3:]) == {HASH: [f"{T[1]}#0#d.data"]}


def test_a_fragment_that_never_counted_is_forgotten(files):
    put(files, T[1])
    put_fragment(files, T[2], 1)
    files.reclaim_before = lambda: T[3]
    assert files.suffix(1, HASH[-3:]) == {HASH: [f"{T[1]}.data"]}


def test_devices_with_other_fragments_of_the_same_objects_compare_alike(files):
    other = MemoryFiles()
    for store, index in ((files, 1), (other, 4)):
        put_fragment(store, T[1], index)
        store.make_durable(1, HASH, T[1], index)
    mine, theirs = files.hashes(1)[HASH[-3:]], other.hashes(1)[HASH[-3:]]
    assert hashes.of_index(mine, 1) == hashes.of_index(theirs, 4) != hashes.of_index(theirs, 1) == hashes.of_index(mine, 4)
    files.update(1, HASH, T[2], {"x-object-meta-a": "1"})
    assert hashes.of_index(files.hashes(1)[HASH[-3:]], 1) != hashes.of_index(theirs, 4)


def test_blocks_of_a_body_are_given_back_later_but_its_name_is_gone_at_once(tmp_path):
    later = []
    files = DiskFiles(tmp_path, "objects", run=None, fsync=False, later=lambda *work: later.append(work))
    put(files, T[1], b"old")
    put(files, T[2], b"new")
    assert os.listdir(files.folder(1, HASH)) == [f"{T[2]}.data"] and read(files)[1] == b"new"
    [(close, fd)] = later
    assert os.fstat(fd).st_nlink == 0 and os.fstat(fd).st_size == 3
    close(fd)
    writer = files.create(1, HASH, 4)
    writer.write(b"body")
    writer.abort()
    writer.abort()
    (close, fd), = later[1:]
    assert os.fstat(fd).st_nlink == 0
    close(fd)


WHOLE = [f"{t}.{kind}" for t in T[:5] for kind in ("data", "ts", "meta")] + [f"{T[3]}~{T[2]}.meta"]
FRAGMENTS = [f"{t}#{mark}.data" for t in T[1:4] for mark in ("0", "0#d", "1#d")]
NAMES = st.lists(st.sampled_from(WHOLE + FRAGMENTS), unique=True)


@given(NAMES, st.randoms())
def test_history_is_the_same_whatever_was_cleaned_in_between(names, random):
    whole = resolve(names)
    kept: list[str] = []
    shuffled = list(names)
    random.shuffle(shuffled)
    # Servers refuse, and replicators do not send, a change of metadata before the body that it changes.
    shuffled.sort(key=lambda name: name.endswith(".meta"))
    for name in shuffled:
        kept.append(name)
        kept = [n for n in kept if n not in resolve(kept).obsolete]
    assert set(kept) == set(whole.counting)
    assert set(whole.obsolete) | set(whole.counting) == set(names)
