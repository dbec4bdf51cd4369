"""Images: how fast bytes come in and go out, in what memory, and what a page of a long list costs.

`python -m benchmarks.images [--mib 1024] [--parallel 16]`. Ratios of one run on one machine: a download beside a server that
does nothing but `sendfile`, an upload beside `cp` and beside hashing the same bytes in memory.
"""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from conformance.cloud import Cloud, fresh_cloud

from benchmarks.lists import Bench, median_ms
from benchmarks.raw import peak_mib
from pileus.image.model import Image

MIB = 1 << 20
LISTED = 10_000
#: A process that sends one file to whoever connects, as fast as the kernel can.
PLAIN_SERVER = """
import socket, sys, threading
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
def serve(client):
    with client, open(sys.argv[1], "rb") as file:
        client.recv(65536)
        size = file.seek(0, 2)
        file.seek(0)
        client.sendall(b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n" % size)
        client.sendfile(file)
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.images", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--mib", type=int, default=1024, help="size of the image that is moved")
    parser.add_argument("--parallel", type=int, default=16, help="transfers at once, each of a sixteenth of the size")
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pileus-images-") as folder:
        found = transfers(Path(folder), options.mib, options.parallel) | asyncio.run(lists(Path(folder) / "lists"))
    text = json.dumps({name: round(value, 2) for name, value in found.items()}, indent=2)
    print(text)
    if options.save:
        options.save.parent.mkdir(exist_ok=True)
        options.save.write_text(text + "\n")


# ---- bytes -----------------------------------------------------------------------------------------------------------
class Glance:
    """The image service of a running cloud, over connections of its own for each transfer."""

    def __init__(self, cloud: Cloud):
        self.cloud = cloud
        auth = cloud.credentials("pileus-admin")
        domain = {"name": "Default"}
        answer, _ = self._ask("POST", "/identity/v3/auth/tokens", {"auth": {
            "identity": {"methods": ["password"], "password": {"user": {"name": auth["username"], "password": auth["password"],
                                                                        "domain": domain}}},
            "scope": {"project": {"name": auth["project_name"], "domain": domain}}}})
        self.token = answer.headers["x-subject-token"]

    def make(self) -> str:
        _, body = self._ask("POST", "/image/v2/images", {"name": "bench", "disk_format": "raw", "container_format": "bare"})
        return json.loads(body)["id"]

    def upload(self, image: str, file: Path) -> None:
        with contextlib.closing(self._connect()) as connection, file.open("rb") as data:
            connection.blocksize = MIB
            headers = {"X-Auth-Token": self.token, "Content-Type": "application/octet-stream", "Content-Length": str(file.stat().st_size)}
            connection.request("PUT", f"/image/v2/images/{image}/file", data, headers)
            assert connection.getresponse().status == 204

    def download(self, image: str) -> int:
        return fetch(self.cloud.url + f"/image/v2/images/{image}/file", self.token)

    def _connect(self) -> http.client.HTTPConnection:
        place = urlsplit(self.cloud.url)
        return http.client.HTTPConnection(place.hostname or "", place.port)

    def _ask(self, method: str, path: str, body: object) -> tuple[http.client.HTTPResponse, bytes]:
        headers = {"Content-Type": "application/json"} | ({"X-Auth-Token": self.token} if hasattr(self, "token") else {})
        with contextlib.closing(self._connect()) as connection:
            connection.request(method, path, json.dumps(body), headers)
            answer = connection.getresponse()
            return answer, answer.read()


def transfers(folder: Path, mib: int, parallel: int) -> dict[str, float]:
    disk, part = folder / "disk", folder / "part"
    for file, size in ((disk, mib), (part, max(1, mib // parallel))):
        with file.open("wb") as target:
            for _ in range(size):
                target.write(os.urandom(MIB))
    with fresh_cloud() as cloud, plain_server(disk) as plain:
        glance = Glance(cloud)
        glance.upload(glance.make(), part)                                # what the first transfer loads is not its own
        image = glance.make()
        copied = took(lambda: copy(disk, folder / "copy"))
        hashed = took(lambda: digest(disk))
        uploaded = took(lambda: glance.upload(image, disk))
        plainly = min(took(lambda: fetch(plain)) for _ in range(3))
        downloaded = min(took(lambda: glance.download(image)) for _ in range(3))
        idle = peak_mib(cloud.process.pid, afresh=True)
        uploads = at_once(parallel, lambda _: glance.upload(glance.make(), part))
        downloads = at_once(parallel, lambda _: glance.download(image) // parallel)
        return {
            "image_mib": mib, "upload_mib_s": mib / uploaded, "download_mib_s": mib / downloaded,
            "upload_times_cp": uploaded / copied, "upload_times_hashing": uploaded / hashed,
            "download_of_plain_server": plainly / downloaded, "parallel": parallel,
            "parallel_upload_mib_s": mib / uploads, "parallel_download_mib_s": parallel * mib / downloads,
            "parallel_mib_above_idle": peak_mib(cloud.process.pid) - idle,
        }


@contextlib.contextmanager
def plain_server(file: Path) -> Iterator[str]:
    process = subprocess.Popen([sys.executable, "-c", PLAIN_SERVER, str(file)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
    finally:
        process.kill()
        process.wait()


def fetch(url: str, token: str = "") -> int:
    """Take what is there into nowhere; how many bytes it was."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port)) as connection:
        lines = f"GET {place.path} HTTP/1.1", f"Host: {place.netloc}", "Connection: close", f"X-Auth-Token: {token}", "", ""
        connection.sendall("\r\n".join(lines).encode())
        buffer, got = bytearray(MIB), 0
        while count := connection.recv_into(buffer):
            assert got or buffer.startswith(b"HTTP/1.1 200"), bytes(buffer[:200])
            got += count
    return got


def copy(source: Path, target: Path) -> None:
    """`cp`, to the disk as an upload is."""
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def digest(file: Path) -> None:
    """Both digests that an image has, each in a thread as the service makes them."""
    data = file.read_bytes()
    threads = [threading.Thread(target=function, args=(data,)) for function in (hashlib.sha512, hashlib.md5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def took(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def at_once(count: int, work: Callable[[int], object]) -> float:
    with ThreadPoolExecutor(count) as pool:
        return took(lambda: list(pool.map(work, range(count))))


# ---- lists -----------------------------------------------------------------------------------------------------------
async def lists(folder: Path) -> dict[str, float]:
    """The processor time of a page of 25: what an administrator sees, and a member to whom nearly none of them is shown."""
    folder.mkdir()
    bench = Bench(folder, 1)
    await bench.start()
    images, now = bench.cloud.services.image, bench.cloud.kit.clock.now()
    async with bench.cloud.kit.db.transaction():
        for number in range(LISTED):
            await images.store.add(Image(
                id=bench.cloud.kit.ids.uuid(), name=f"image-{number}", status="active", visibility="private", size=number,
                owner=f"project-{number % 500}", disk_format="raw", container_format="bare", created_at=now, updated_at=now))
    found = {}
    for name, cloud in (("admin", "pileus-admin"), ("member", "pileus")):
        await bench.log_in(cloud)
        found[f"{name}_page_ms"] = await median_ms(lambda: bench.ask("GET", "/image/v2/images?limit=25"), 41)
    await bench.cloud.stop()
    return found


if __name__ == "__main__":
    main()
