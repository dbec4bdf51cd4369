"""The folder of keys: rotation, several copies of the control plane, crashes."""

import asyncio
import os
import stat

import pytest

from pileus.core.clock import VirtualClock
from pileus.core.ids import Ids
from pileus.identity.config import IdentityConfig
from pileus.identity.keys import Keys
from pileus.identity.periodic import rotate_keys
from tests.identity.booted import booted


def keys(folder="", **config) -> Keys:
    made = Keys(folder or None, IdentityConfig(**config), VirtualClock(), Ids())
    made.open()
    return made


def numbers(folder) -> list[int]:
    return sorted(int(n) for n in os.listdir(folder))


async def test_files_are_their_owners_only(tmp_path):
    folder = tmp_path / "identity" / "fernet-keys"
    made = keys(folder)
    made.rotate()
    assert numbers(folder) == [0, 1, 2]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE((folder / n).stat().st_mode) for n in os.listdir(folder)} == {0o600}
    assert len({(folder / n).read_bytes() for n in os.listdir(folder)}) == 3


@pytest.mark.parametrize("on_disk", [True, False])
async def test_rotation_keeps_the_tokens_of_former_keys_for_a_while(tmp_path, on_disk):
    made = keys(tmp_path / "k" if on_disk else "", max_active_keys=3)
    token = made.seal(b"hello")
    for _ in range(1):
        made.rotate()
        assert made.open_token(token) == b"hello"
    assert made.open_token(made.seal(b"again")) == b"again"
    made.rotate()
    made.rotate()
    assert made.open_token(token) is None
    if on_disk:
        assert numbers(tmp_path / "k") == [0, 3, 4]


async def test_the_staged_key_becomes_the_primary(tmp_path):
    """So a copy that has not looked since already has the key of the next tokens."""
    one, two = keys(tmp_path), keys(tmp_path)
    staged = (tmp_path / "0").read_bytes()
    one.rotate()
    assert (tmp_path / "2").read_bytes() == staged and (tmp_path / "0").read_bytes() != staged
    assert two.open_token(one.seal(b"x")) == b"x"
    one.rotate()
    new = one.seal(b"y")
    assert two.open_token(new) is None  # two rotations behind, and it has only just looked
    await asyncio.sleep(1)
    assert two.open_token(new) == b"y"


async def test_a_restart_keeps_the_keys(tmp_path):
    token = keys(tmp_path).seal(b"x")
    assert keys(tmp_path).open_token(token) == b"x"
    assert keys().open_token(token) is None  # others' keys prove nothing


@pytest.mark.parametrize("lost", [["0"], ["1"], ["0", "1"]])
async def test_a_crash_between_two_steps_is_mended(tmp_path, lost):
    """After the rename but before the new staged key; after the first file of a new folder."""
    keys(tmp_path)
    for name in lost:
        (tmp_path / name).unlink()
    (tmp_path / ".draft-of-the-crash").write_bytes(b"half")
    mended = keys(tmp_path)
    assert {0, 1} <= set(numbers_of(tmp_path)) and mended.open_token(mended.seal(b"x")) == b"x"


def numbers_of(folder) -> list[int]:
    return sorted(int(n) for n in os.listdir(folder) if n.isdecimal())


async def test_somebody_elses_rotation_is_enough(tmp_path):
    one = keys(tmp_path)
    (tmp_path / "0").unlink()  # as if another copy were between its two steps
    one.folder.promote()
    assert numbers_of(tmp_path) == [1]


async def test_the_periodic_task_rotates_when_it_is_time(tmp_path):
    async with booted(key_repository=str(tmp_path), key_rotation_s=3600, token_expiration_s=86400) as keystone:
        token = (await keystone.as_()).token
        assert await rotate_keys(keystone.identity) is None
        await asyncio.sleep(3600)
        assert await rotate_keys(keystone.identity) == "keys rotated" and await rotate_keys(keystone.identity) is None
        assert numbers(tmp_path) == [0, 1, 2] and await keystone.works(token)
