"""Image files on a host: many servers that start from one image at once get the same file."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from pileus.image import local


@pytest.mark.parametrize("same_file_system", [True, False])
def test_many_at_once(tmp_path, monkeypatch, same_file_system):
    stored, link = tmp_path / "stored", tmp_path / "bases" / "image"
    stored.write_bytes(b"x" * 100_000)

    def refuse(*_):
        raise OSError(18, "Invalid cross-device link")

    if not same_file_system:
        monkeypatch.setattr(local.os, "link", refuse)
    for _ in range(20):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: local._link(stored, link), range(8)))
        assert link.samefile(stored) is same_file_system                   # no byte is copied where none need be
        assert link.read_bytes() == stored.read_bytes() and [p.name for p in link.parent.iterdir()] == ["image"]
        link.unlink()


@pytest.mark.parametrize("pieces", [[(0, b"x" * 100_000), (8 << 20, b"end")], [(4 << 20, b"middle")], [], [(0, b"all" * 50_000)]])
def test_a_copy_has_the_holes_of_what_it_is_of(tmp_path, pieces):
    source, target = tmp_path / "source", tmp_path / "target"
    with source.open("wb") as file:
        for at, data in pieces:
            file.seek(at)
            file.write(data)
        file.truncate(max(file.seek(0, 2), 16 << 20))
    local.copy_sparse(source, target)
    assert target.read_bytes() == source.read_bytes() and target.stat().st_blocks <= source.stat().st_blocks + 64
