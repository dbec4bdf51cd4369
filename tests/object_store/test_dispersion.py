"""How much of what should be there is there."""

import shutil

import pytest

from pileus.cli import object_store
from pileus.object_store.cluster import dispersion
from tests.object_store.harness import TestStore


async def test_what_is_missing_is_told_by_ring():
    async with TestStore(replicas=2, devices=3, part_power=4) as store:
        proxy = store.objects.proxy
        assert await dispersion.populate(proxy, 0.5) == {"container": 8, "object": 8}
        whole = await dispersion.report(proxy)
        assert [(found.ring, found.partitions, found.expected, found.percent) for found in whole] == [
            ("container", 8, 16, 100.0), ("object", 8, 16, 100.0)]
        shutil.rmtree(store.folder / "devices" / "d1" / "objects")
        _, objects = await dispersion.report(proxy)
        assert objects.percent < 100 and objects.expected - objects.found == sum(n * count for n, count in objects.missing.items()) > 0
        # Done again it puts back what is not there, and the same names.
        assert await dispersion.populate(proxy, 0.5) == {"container": 8, "object": 8}
        assert [found.partitions for found in await dispersion.report(proxy)] == [8, 8]
        assert (await store.as_("alice").get("//v1/.dispersion")).status == 403


async def test_fragments_count_as_copies_do():
    pytest.importorskip("pyeclib", reason="the extra erasure-coding is not installed")
    policies = [{"index": 0, "name": "gold"}, {"index": 3, "name": "coded", "erasure": {"data": 2, "parity": 2}}]
    async with TestStore(replicas=2, devices=5, part_power=3, policies=policies) as store:
        proxy = store.objects.proxy
        assert await dispersion.populate(proxy, 1.0) == {"container": 8, "object": 8, "object-3": 8}
        assert [(found.ring, found.expected, found.percent) for found in await dispersion.report(proxy)] == [
            ("container", 16, 100.0), ("object", 16, 100.0), ("object-3", 32, 100.0)]
        lost = len(list((store.folder / "devices" / "d1").glob("objects-3/*/*/*/*.data")))
        shutil.rmtree(store.folder / "devices" / "d1" / "objects-3")
        coded = (await dispersion.report(proxy))[2]
        assert coded.expected - coded.found == lost > 0 and coded.missing == {1: lost}


async def test_without_anything_put_there_is_nothing_to_tell(store):
    assert [found.percent for found in await dispersion.report(store.objects.proxy)] == [100.0]


async def test_what_cannot_be_put_is_told():
    async with TestStore() as store:
        shutil.rmtree(store.folder / "devices" / "d1")
        with pytest.raises(OSError, match="cannot be put"):
            await dispersion.populate(store.objects.proxy, 0.1)


def test_by_the_command_line(tmp_path, capsys):
    (tmp_path / "node.json").write_text('{"part_power": 3, "replicas": 2, "devices": 2}')
    assert object_store.dispersion_populate(state=tmp_path, coverage=1.0) == 0
    assert object_store.dispersion_report(state=tmp_path) == 0
    assert "object: 100.00 % of 16 copies found, 8 partitions looked at" in capsys.readouterr().out
