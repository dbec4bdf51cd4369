"""`pileus ring …` as an operator uses it."""

import pytest

from pileus.cli import ring
from pileus.object_store.model.names import Hashing
from pileus.object_store.ring.ring import Ring


@pytest.fixture
def builder(tmp_path):
    path = tmp_path / "object.builder"
    assert ring.create(path, 8, 3, 0) == 0
    for n in range(4):
        assert ring.add(path, f"r1z{n + 1}-10.0.0.{n}:6200/sdb1", 100) == 0
    return path


def test_a_ring_is_made_changed_and_shown(builder, capsys):
    assert ring.rebalance(builder) == 0
    assert ring.validate(builder) == 0
    loaded = Ring.load(builder.with_suffix(".ring"), Hashing())
    assert loaded.partitions == 256 and len(loaded.primaries(0)) == 3
    assert ring.add(builder, "r1z1-10.0.0.9:6200R10.1.0.9:6300/sdc1_new", 50) == 0
    assert ring.set_weight(builder, "d0", 200) == 0
    assert ring.remove(builder, "10.0.0.1:6200/sdb1") == 0
    assert ring.rebalance(builder) == 0
    capsys.readouterr()
    assert ring.show(builder) == 0
    shown = capsys.readouterr().out
    assert "10.0.0.9:6200/sdc1" in shown and "10.0.0.1:6200/sdb1" not in shown and "version 2" in shown
    assert Ring.load(builder.with_suffix(".ring"), Hashing()).devices[4].replication_port == 6300


def test_a_builder_is_made_of_a_ring(builder, tmp_path, capsys):
    assert ring.rebalance(builder) == 0
    before, balanced = builder.with_suffix(".ring"), Ring.load(builder.with_suffix(".ring"), Hashing())
    assert ring.write_builder(before) == 1                      # it has one
    builder.unlink()
    assert ring.write_builder(before) == 0 and ring.write_ring(builder) == 0
    again = Ring.load(before, Hashing())
    assert (again.devices, again.table, again.version) == (balanced.devices, balanced.table, balanced.version)
    assert ring.add(builder, "r1z1-10.0.0.9:6200/sdc1", 50) == 0 and ring.pretend_min_part_hours_passed(builder) == 0
    assert ring.rebalance(builder) == 0 and ring.validate(builder) == 0
    (tmp_path / "bad.ring").write_bytes(b"no ring")
    assert ring.write_builder(tmp_path / "bad.ring") == 1 and ring.write_builder(tmp_path / "none.ring") == 1


def test_devices_are_found_and_moved(builder, capsys):
    assert ring.rebalance(builder) == 0 and ring.add(builder, "r2z9-10.0.0.0:6200/sdc1_spare one", 100) == 0

    def found(place):
        capsys.readouterr()
        status = ring.search(builder, place)
        return [int(line.split()[0]) for line in capsys.readouterr().out.splitlines()[1:]] if status == 0 else None

    assert found("d2") == [2] and found("z2") == [1] and found("r2") == [4] and found("r1z2-10.0.0.1:6200/sdb1") == [1]
    assert found("10.0.0.0") == [0, 4] and found("-10.0.0.0:6200") == [0, 4] and found(":6200") == [0, 1, 2, 3, 4]
    assert found("/sdb1") == [0, 1, 2, 3] and found("_spare") == [4]
    assert found("d7") is None and found("nonsense") is None and found("") is None
    assert ring.list_parts(builder, "d1") == 0
    parts = [int(line) for line in capsys.readouterr().out.split()]
    loaded = Ring.load(builder.with_suffix(".ring"), Hashing())
    assert parts == [part for part in range(256) if 1 in [node.device.id for node in loaded.primaries(part)]] and len(parts) == 192
    assert ring.set_zone(builder, "d4", 1) == 0 and ring.set_region(builder, "d4", 1) == 0
    assert ring.set_info(builder, "d4", port=6201, replication_ip="10.9.0.1", replication_port=6300) == 0 and ring.rebalance(builder) == 0
    moved = Ring.load(builder.with_suffix(".ring"), Hashing()).devices[4]
    assert (moved.region, moved.zone, moved.port, moved.replication_ip, moved.replication_port) == (1, 1, 6201, "10.9.0.1", 6300)


def test_mistakes_change_nothing(builder, capsys):
    before = builder.read_bytes()
    assert ring.create(builder, 8, 3, 0) == 1
    assert ring.add(builder, "somewhere", 1) == 1
    assert ring.add(builder, "r1z1-10.0.0.0:6200/sdb1", 1) == 1
    assert ring.add(builder, "r1z1-10.0.0.7:6200/sdb1", -1) == 1
    assert ring.set_weight(builder, "d9", 1) == 1
    assert ring.remove(builder, "sdb1") == 1
    assert ring.set_replicas(builder, 0) == 1 and ring.set_replicas(builder, float("nan")) == 1
    assert ring.set_weight(builder, "d0", -1) == 1 and ring.set_weight(builder, "d0", float("nan")) == 1
    assert ring.set_info(builder, "d0", ip="10.0.0.1") == 1 and ring.set_info(builder, "d0", port=70_000) == 1
    assert ring.add(builder, "r1z1-10.0.0.7:99999/sdb1", 1) == 1 and ring.set_overload(builder, float("inf")) == 1
    assert ring.write_ring(builder) == 1
    assert builder.read_bytes() == before and "pileus ring:" in capsys.readouterr().err
