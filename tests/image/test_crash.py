"""kill -9 amid uploads, imports, copies and deletes of images, then a new start: nothing is left, and nothing waits for ever."""

import hashlib
import os
import random
import threading
import time
from contextlib import suppress

import httpx
import pytest

from tests.e2e.process import CloudProcess
from tests.image.service import BINARY, RAW

CONFIG = """
[image]
show_multiple_locations = true
[image.stores.first]
type = "file"
folder = "first"
[image.stores.second]
type = "file"
folder = "second"
"""
BLOCK = os.urandom(64 << 10)
UNFINISHED = ("saving", "importing")


class Caller:
    def __init__(self, cloud: CloudProcess, name: str):
        token = cloud.client(name).token
        self.http = httpx.Client(base_url=f"http://{cloud.listen}/image/v2", headers={"X-Auth-Token": token}, timeout=20)

    def images(self) -> list[dict]:
        return self.http.get("/images?limit=1000&name=crash").raise_for_status().json()["images"]

    def make(self) -> str:
        return self.http.post("/images", json={"name": "crash"} | RAW).raise_for_status().json()["id"]

    def send(self, id: str, path: str, chance: random.Random) -> None:
        self.http.put(f"/images/{id}/{path}", content=slowly(chance), headers=BINARY).raise_for_status()

    def order(self, id: str, method: str, *stores: str) -> None:
        self.http.post(f"/images/{id}/import", json={"method": {"name": method}, "stores": stores}).raise_for_status()


def slowly(chance: random.Random):
    for _ in range(chance.randrange(1, 30)):
        yield BLOCK
        time.sleep(chance.uniform(0, 0.01))


def upload(member: Caller, admin: Caller, chance: random.Random) -> None:
    member.send(member.make(), "file", chance)


def stage_and_import(member: Caller, admin: Caller, chance: random.Random) -> None:
    id = member.make()
    member.send(id, "stage", chance)
    member.order(id, "glance-direct", "second", "first")


def copy(member: Caller, admin: Caller, chance: random.Random) -> None:
    id = member.make()
    member.send(id, "file", chance)
    admin.order(id, "copy-image", "second")


def delete(member: Caller, admin: Caller, chance: random.Random) -> None:
    for image in member.images()[:chance.randrange(1, 4)]:
        member.http.delete(f"/images/{image['id']}")


WORK = (upload, stage_and_import, copy, delete)


def busy(member: Caller, admin: Caller, chance: random.Random, stop: threading.Event) -> None:
    while not stop.is_set():
        with suppress(httpx.HTTPError):                        # the cloud is killed while it answers
            chance.choice(WORK)(member, admin, chance)


@pytest.mark.realtime
@pytest.mark.parametrize("seed", range(2))
def test_kill_at_any_moment(tmp_path, seed):
    chance, cloud = random.Random(seed), CloudProcess(tmp_path / "cloud", "--simulated")
    (cloud.state / "pileus.toml").write_text(CONFIG)
    cloud.start()
    try:
        for _ in range(3):
            member, admin, stop = Caller(cloud, "pileus"), Caller(cloud, "pileus-admin"), threading.Event()
            threads = [threading.Thread(target=busy, args=(member, admin, random.Random(chance.random()), stop)) for _ in range(3)]
            for thread in threads:
                thread.start()
            time.sleep(chance.uniform(0.3, 2))
            cloud.kill()
            stop.set()
            for thread in threads:
                thread.join()
            cloud.start()
            settled(cloud)
            check_all_agrees(cloud)
        assert cloud.end() == 0
    finally:
        if cloud.process.poll() is None:
            cloud.kill()


def settled(cloud: CloudProcess, seconds: float = 30) -> None:
    """No journal is open, and no image waits for bytes that nobody brings."""
    member, admin, end = Caller(cloud, "pileus"), cloud.client("pileus-admin"), time.monotonic() + seconds
    while open_ := [*admin.get("/status")["operations"], *(image for image in member.images() if image["status"] in UNFINISHED)]:
        assert time.monotonic() < end, open_
        time.sleep(0.1)


def check_all_agrees(cloud: CloudProcess) -> None:
    """Active images are whole, others have no bytes when they are deleted, and no store has a file of nobody."""
    member, named = Caller(cloud, "pileus"), set()
    for image in member.images():
        if image["status"] == "active":
            data = member.http.get(f"/images/{image['id']}/file").raise_for_status().content
            assert hashlib.sha512(data).hexdigest() == image["os_hash_value"] and not image.get("os_glance_importing_to_stores")
        else:
            assert member.http.delete(f"/images/{image['id']}").status_code == 204
    for image in Caller(cloud, "pileus-admin").http.get("/images?limit=1000").json()["images"]:
        named |= {location["url"].removeprefix("file://") for location in image["locations"]}
    found = {str(path) for store in ("first", "second") for path in (cloud.state / store).iterdir()}
    assert found == named and list((cloud.state / "image-work").iterdir()) == []
