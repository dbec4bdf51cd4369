"""What `pileus doctor` says of the stores of images."""

import asyncio

import pytest
from tests.image.service import glance

from pileus.cli import doctor
from pileus.image.backends import condition
from pileus.image.backends.base import StoreFailed
from pileus.image.backends.condition import Condition, conditions
from pileus.image.backends.config import FileConfig, HttpConfig, S3Config

S3 = S3Config(endpoint="http://127.0.0.1:1", bucket="images", access_key="k", secret_key="s")


class Answers:
    async def keys(self):
        return {"1", "2"}


class Fails:
    async def keys(self):
        raise StoreFailed(detail="no such bucket")


class Silent:
    async def keys(self):
        await asyncio.sleep(condition.WAIT_S + 1)


async def test_every_store_is_asked():
    stores = {"file": FileConfig(), "web": HttpConfig(), "good": S3, "bad": S3, "silent": S3}
    async with glance(stores=stores) as g:
        g.images.stores.writable |= {"good": Answers(), "bad": Fails(), "silent": Silent()}
        here, *others = await conditions(g.images.stores)
        assert here.usable and "GiB free in" in here.text
        assert others == [Condition("web", True, "is only read"), Condition("good", True, "answers, and has the data of 2 images"),
                          Condition("bad", False, "no such bucket"), Condition("silent", False, "does not answer within 10 s")]


@pytest.mark.parametrize("folder, usable", [("images", True), ("not/there/yet", True), ("file/in-the-way", False)])
async def test_the_doctor_says_it_and_changes_nothing(tmp_path, folder, usable):
    (tmp_path / "file").write_text("x")
    (tmp_path / "pileus.toml").write_text(f'[image.stores.here]\ntype = "file"\nfolder = "{folder}"\n')
    before = sorted(tmp_path.rglob("*"))
    [found] = await doctor._image_stores(tmp_path)
    assert (found.what, found.ok) == ("image store here", True if usable else None)
    assert ("GiB free" if usable else "cannot write to") in found.text and sorted(tmp_path.rglob("*")) == before


async def test_stores_that_cannot_be_are_no_cloud(tmp_path):
    (tmp_path / "pileus.toml").write_text('[image.stores.web]\ntype = "http"\n')
    [found] = await doctor._image_stores(tmp_path)
    assert found.ok is False and "default store" in found.text
