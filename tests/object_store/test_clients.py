"""Clients that people use: `swift` of python-swiftclient against the store's own users, `openstack` against a whole cloud."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conformance.cloud import fresh_cloud

from pileus.core.http.server import Server
from tests.object_store.harness import TestStore
from tests.ports import free_port

pytestmark = pytest.mark.realtime


def run(words, folder, environment, *, status=0):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "ST_"))}
    done = subprocess.run([str(word) for word in words], cwd=folder, env=kept | environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == status, (words, done.stdout, done.stderr)
    return done.stdout


async def test_swift(tmp_path):
    pytest.importorskip("swiftclient", reason="python-swiftclient is not installed")
    port = free_port()
    user = {"account": "test", "user": "tester", "key": "testing", "groups": [".admin"]}
    async with TestStore(real_time=True, temp_auth={"users": [user]}) as store:
        server = Server(store.objects.app, "127.0.0.1", port)
        await server.start()
        environment = {"ST_AUTH": f"http://127.0.0.1:{port}/auth/v1.0", "ST_USER": "test:tester", "ST_KEY": "testing"}

        async def swift(*words, status=0):
            return await asyncio.to_thread(run, [sys.executable, "-m", "swiftclient.shell", *words], tmp_path, environment, status=status)

        try:
            await _round_trip(swift, tmp_path)
        finally:
            await server.stop()


async def _round_trip(swift, folder: Path):
    """Upload, list, look at, change, download, delete; a large object in segments."""
    (folder / "small.txt").write_text("hello\n")
    (folder / "large.bin").write_bytes(os.urandom(300_000))
    await swift("post", "photos", "-m", "Colour:blue", "-r", ".r:*")
    await swift("upload", "photos", "small.txt", "-H", "X-Object-Meta-A: 1")
    await swift("upload", "--use-slo", "-S", "100000", "photos", "large.bin")
    assert (await swift("list", "photos")).split() == ["large.bin", "small.txt"]
    assert (await swift("list")).split() == ["photos", "photos_segments"]
    told = await swift("stat", "photos", "small.txt")
    assert "Content Length: 6" in told and "Meta A: 1" in told
    assert "Meta Colour: blue" in await swift("stat", "photos") and "Read ACL: .r:*" in await swift("stat", "photos")
    assert "slo" in await swift("capabilities")
    await swift("download", "photos", "large.bin", "-o", "back.bin")
    assert (folder / "back.bin").read_bytes() == (folder / "large.bin").read_bytes()
    await swift("copy", "-d", "/photos/copy.txt", "photos", "small.txt")
    await swift("delete", "photos", "small.txt")
    assert (await swift("list", "photos")).split() == ["copy.txt", "large.bin"]
    await swift("stat", "photos", "small.txt", status=1)
    await swift("delete", "photos")
    await swift("delete", "photos_segments")
    assert await swift("list") == ""


def test_openstack(tmp_path):
    program = Path(sys.executable).with_name("openstack")
    if not program.exists():
        pytest.skip("python-openstackclient is not installed")
    (tmp_path / "o.txt").write_text("hello\n")
    with fresh_cloud() as cloud:
        shutil.copy(cloud.clouds_yaml, tmp_path)

        def openstack(*words):
            return run([program, "--os-cloud", "pileus", *words], tmp_path, {})

        assert "photos" in openstack("container", "create", "photos", "-f", "value", "-c", "container")
        openstack("container", "set", "photos", "--property", "colour=blue")
        assert "o.txt" in openstack("object", "create", "photos", "o.txt", "-f", "value", "-c", "object")
        assert openstack("object", "list", "photos", "-f", "value").split() == ["o.txt"]
        assert "blue" in openstack("container", "show", "photos")
        openstack("object", "save", "photos", "o.txt", "--file", "back.txt")
        assert (tmp_path / "back.txt").read_text() == "hello\n"
        openstack("container", "delete", "--recursive", "photos")
        assert openstack("container", "list", "-f", "value") == ""
