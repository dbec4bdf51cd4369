"""The contract of wherever databases and waiting rows are kept: on a disk and in memory alike."""

from pathlib import Path

import pytest

from pileus.object_store.storage.database.account import AccountBroker
from pileus.object_store.storage.database.broker import Absent
from pileus.object_store.storage.database.container import ContainerBroker
from pileus.object_store.storage.database.files import Databases
from pileus.object_store.storage.database.home import DiskHome, MemoryHome
from pileus.object_store.storage.object.pending import DiskPendings, MemoryPendings, Pending

HASHES = ["0123456789abcdef0123456789abcdef", "00000000000000000000000000000abc"]
T = [f"170000000{n}.00000" for n in range(10)]


@pytest.fixture(params=["disk", "memory"])
def home(request):
    return MemoryHome() if request.param == "memory" else DiskHome()


@pytest.fixture
def databases(home):
    made = Databases(ContainerBroker, "containers", home)
    yield made
    made.close()


def create(databases, device: Path, hash=HASHES[0], id="one"):
    return databases.create(device, 3, hash, account="a", container="c", timestamp=T[0], id=id)


def row(name="o", at=T[1], size=1, meta=T[1], deleted=0):
    return {"name": name, "created_at": at, "size": size, "content_type": "t", "etag": "e", "deleted": deleted,
            "storage_policy_index": 0, "ctype_at": at, "meta_at": meta}


async def at_once(function, *args):
    return function(*args)


def test_one_is_made_once_and_found_again(databases, tmp_path):
    with pytest.raises(Absent):
        databases.get(tmp_path, 3, HASHES[0])
    made = create(databases, tmp_path)
    made.merge([row()])
    assert create(databases, tmp_path, id="two") is made and made.info()["id"] == "one"
    create(databases, tmp_path, HASHES[1])
    assert sorted(databases.listed(tmp_path)) == sorted((3, hash) for hash in HASHES)
    again = Databases(ContainerBroker, "containers", databases.home)
    assert again.get(tmp_path, 3, HASHES[0]).info()["object_count"] == 1
    again.close()


def test_one_that_was_taken_away_is_not_written(databases, tmp_path):
    made = create(databases, tmp_path)
    assert made.remove() and databases.listed(tmp_path) == []
    new = create(databases, tmp_path, id="two")
    assert new is not made and new.info()["id"] == "two"
    held = ContainerBroker(new.path, databases.home)
    assert not new.remove(as_it_was="another hash") and new.remove()
    create(databases, tmp_path, id="three")
    with pytest.raises(Exception, match="taken away"):
        held.merge([row()])


def test_a_damaged_one_is_put_away(databases, tmp_path):
    create(databases, tmp_path)
    databases.quarantine(tmp_path, 3, HASHES[0], "mark")
    with pytest.raises(Absent):
        databases.get(tmp_path, 3, HASHES[0])


async def test_a_copy_on_its_way_to_another_device_is_whole_and_leaves_nothing(databases, home, tmp_path):
    made = create(databases, tmp_path / "d1")
    made.merge([row()])
    size, body = databases.packed(tmp_path / "d1", made, "way", at_once)
    beside = f"{tmp_path}/d2/tmp/{HASHES[0]}.came"
    await home.unpack(beside, body, at_once)
    assert not list(tmp_path.glob("d1/tmp/*"))
    theirs = ContainerBroker(beside, home)
    assert databases.adopt(tmp_path / "d2", 3, HASHES[0], theirs, "two")
    assert not databases.adopt(tmp_path / "d2", 3, HASHES[0], theirs, "three")
    theirs.close()
    home.discard(beside)
    mine = databases.get(tmp_path / "d2", 3, HASHES[0])
    assert size > 0 and mine.info()["id"] == "two" and mine.info()["hash"] == made.info()["hash"] and mine.point("one") == 1
    assert not list(tmp_path.glob("d2/tmp/*"))


def test_what_differs_has_another_hash(databases, tmp_path):
    """Metadata of one moment over bodies of two: replicas with the same hash are never asked for their rows."""
    one, other = create(databases, tmp_path), create(databases, tmp_path, HASHES[1])
    one.merge([row(at=T[1], size=1, meta=T[3])])
    other.merge([row(at=T[2], size=2, meta=T[3])])
    assert one.info()["hash"] != other.info()["hash"]
    one.merge(other.since(-1, 10))
    assert one.info()["hash"] == other.info()["hash"]


def test_accounts_are_kept_the_same_way(home, tmp_path):
    accounts = Databases(AccountBroker, "accounts", home)
    accounts.create(tmp_path, 3, HASHES[0], account="a", timestamp=T[0], id="one")
    assert accounts.listed(tmp_path) == [(3, HASHES[0])] and accounts.get(tmp_path, 3, HASHES[0]).info()["container_count"] == 0
    accounts.close()


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_a_row_waits_until_it_is_told(kind, tmp_path):
    pendings = DiskPendings(tmp_path) if kind == "disk" else MemoryPendings()
    pending = Pending(method="PUT", account="a", container="c", object="o", headers={"x-timestamp": T[1]})
    assert pendings.names() == [] and pendings.read(f"{HASHES[0]}-{T[1]}") is None
    pendings.keep(f"{HASHES[0]}-{T[1]}", pending)
    pending.told = ["d1"]
    pendings.keep(f"{HASHES[0]}-{T[1]}", pending)
    assert pendings.names() == [f"{HASHES[0]}-{T[1]}"] and pendings.read(f"{HASHES[0]}-{T[1]}") == pending
    pendings.forget(f"{HASHES[0]}-{T[1]}")
    pendings.forget(f"{HASHES[0]}-{T[1]}")
    assert pendings.names() == []
