"""A proxy is started anew while clients go on: none of them notices."""

import asyncio
import sys

import httpx
import pytest

from pileus.core.clock import Clock
from pileus.core.ids import Ids
from pileus.object_store.cluster.layout import lay_out
from pileus.object_store.cluster.manager import Manager
from tests.object_store.cluster import SOURCE
from tests.ports import free_ports

pytestmark = pytest.mark.realtime
COMMAND = [sys.executable, "-m", "pileus", "object-store", "run"]


USER = {"account": "test", "user": "tester", "key": "testing", "groups": [".admin"]}


def node(folder):
    place, = lay_out(folder, Ids(1), [free_ports(2)], part_power=4, devices=1, replicas=1, fsync="never", temp_auth={"users": [USER]})
    return place


async def slowly():
    for _ in range(8):
        yield b"x" * 10_000
        await asyncio.sleep(0.3)


async def upload(url, token):
    async with httpx.AsyncClient(timeout=30) as client:
        return (await client.put(url, content=slowly(), headers=token)).status_code


async def size(url, token):
    async with httpx.AsyncClient(timeout=30) as client:
        return len((await client.get(url, headers=token)).content)


async def asked(proxy):
    """The status that one client of its own gets."""
    reader, writer = await asyncio.open_connection(*proxy.split(":"))
    writer.write(b"GET /healthcheck HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return int(answer.split()[1]) if answer else 0


async def test_reloading_turns_no_request_away(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    place = node(tmp_path)
    said = []
    manager = Manager(place.state, Clock(), COMMAND, said.append)
    assert await manager.start(["storage-server", "proxy-server"]) == 0, said
    try:
        answers, going = [], True

        async def ask():
            while going:
                answers.append(await asked(place.config.proxy_listen))

        async with httpx.AsyncClient(timeout=30) as client:
            user = {"X-Auth-User": "test:tester", "X-Auth-Key": "testing"}
            told = (await client.get(f"http://{place.config.proxy_listen}/auth/v1.0", headers=user)).headers
            token, root = {"X-Auth-Token": told["x-auth-token"]}, told["x-storage-url"]
            await client.put(f"{root}/c", headers=token)
        uploading = asyncio.create_task(upload(f"{root}/c/o", token))
        asking = asyncio.create_task(ask())
        await asyncio.sleep(0.5)
        before = manager.pid("proxy-server")
        for server in ("proxy-server", "storage-server"):
            assert await manager.reload([server]) == 0, said
        going = False
        await asking
        assert set(answers) == {200} and len(answers) > 100
        assert await uploading == 201
        assert await size(f"{root}/c/o", token) == 80_000
        after = manager.pid("proxy-server")
        assert after not in (None, before) and not (place.state / "run" / "proxy-server.beside").exists()
    finally:
        assert await manager.stop(["proxy-server", "storage-server"]) == 0


async def test_when_the_new_one_does_not_come_up_the_old_one_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    place = node(tmp_path)
    manager = Manager(place.state, Clock(), COMMAND, lambda text: None)
    assert await manager.start(["proxy-server"]) == 0
    try:
        before, config = manager.pid("proxy-server"), place.state / "node.json"
        kept = config.read_text()
        config.write_text("no configuration")
        assert await manager.reload(["proxy-server"]) == 1
        assert manager.pid("proxy-server") == before
        assert await asked(place.config.proxy_listen) == 200
        config.write_text(kept)
    finally:
        assert await manager.stop(["proxy-server"]) == 0
