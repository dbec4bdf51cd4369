"""What the object store does in a second, beside the same bytes by hand: `python -m benchmarks.objects [--seconds 3] [--save FILE]`.

A fresh cloud with one copy of everything, each object on the disk before it is acknowledged. By hand: a file written,
synchronised and renamed, and the MD5 of a body, in this process; the same files from nginx, where that is installed.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
from conformance.cloud import Cloud, free_port, fresh_cloud
from conformance.results import version

from benchmarks.raw import Measured, Server, peak_mib

SMALL, LARGE = os.urandom(4096), os.urandom(64 << 20)
LISTED = 10_000
#: A PUT whose client takes next to none of the processors that it shares with the server.
SENT = "PUT 64 MiB, sent by the kernel"
#: What a long PUT cannot be faster than.
HASHED = "MD5 of 64 MiB, one core"
#: Large transfers at once, to see what memory they take.
PARALLEL = 64


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.objects", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    with fresh_cloud() as cloud, tempfile.TemporaryDirectory(prefix="pileus-bench-", dir=cloud.state) as folder:
        rows = asyncio.run(store(cloud, options.seconds))
        crowd = asyncio.run(crowded(cloud))
        rows |= by_hand(Path(folder), options.seconds)
        with nginx(Path(folder)) as address:
            if address is not None:
                rows |= asyncio.run(files(address, options.seconds))
    for name, row in rows.items():
        print(f"{name:34}{row.per_second:10.1f}/s{row.median_ms:10.2f} ms{row.p95_ms:10.2f} ms (p95){row.server_cpu_ms:10.2f} ms CPU")
    for name in ("PUT 64 MiB", SENT):
        print(f"{name}: {rows[name].median_ms / rows[HASHED].median_ms:.2f} times as long as its MD5 alone")
    for name, mib in crowd.items():
        print(f"{name:34}{mib:10.0f} MiB of memory more than idle")
    if options.save:
        options.save.parent.mkdir(exist_ok=True)
        saved = {"version": version(), "load": f"{os.getloadavg()[0]:.1f}", "rows": {name: row._asdict() for name, row in rows.items()},
                 "mib_above_idle": crowd}
        options.save.write_text(json.dumps(saved, indent=2) + "\n")


async def store(cloud: Cloud, seconds: float) -> dict[str, Measured]:
    token, root = login(cloud)
    server = Server(cloud.url.removeprefix("http://"), {"X-Auth-Token": token}, cloud.process.pid)
    small = f"{root}/small"
    for container in ("small", "large", "listed"):
        await server.once("PUT", f"{root}/{container}")
    rows = {}
    for at in (1, 16):
        rows[f"PUT 4 KiB at {at}"] = await server.measure(lambda w, n, at=at: ("PUT", f"{small}/{at}-{w}-{n}", SMALL), at=at,
                                                          seconds=seconds)
    for at in (1, 16):
        rows[f"GET 4 KiB at {at}"] = await server.measure(lambda w, n: ("GET", f"{small}/1-0-{n % 100}", b""), at=at, seconds=seconds)
    rows["PUT 64 MiB"] = await server.measure(lambda w, n: ("PUT", f"{root}/large/{n % 3}", LARGE), at=1, seconds=seconds)
    rows[HASHED] = alone(lambda n: hashlib.md5(LARGE, usedforsecurity=False).digest(), seconds)
    rows["GET 64 MiB"] = await server.measure(lambda w, n: ("GET", f"{root}/large/0", b""), at=1, seconds=seconds)
    with tempfile.TemporaryFile(dir="/dev/shm") as file:
        file.write(LARGE)
        file.flush()
        rows[SENT] = await server.measure(lambda w, n: ("PUT", f"{root}/large/{n % 3}", file), at=1, seconds=seconds)
    await asyncio.gather(*(filled(server, f"{root}/listed", first) for first in range(16)))
    for most in (LISTED, 100):
        rows[f"listing, {most:,} of {LISTED:,}"] = await server.measure(
            lambda w, n, most=most: ("GET", f"{root}/listed?format=json&limit={most}", b""), at=1, seconds=seconds)
    rows["DELETE at 16"] = await server.measure(
        lambda w, n: ("DELETE", f"{root}/listed/{16 * n + w:06}", b""), at=16, seconds=min(seconds, 2))
    return rows


async def crowded(cloud: Cloud) -> dict[str, float]:
    """The most memory that many large transfers at once take, in MiB above idle."""
    token, root = login(cloud)
    server = Server(cloud.url.removeprefix("http://"), {"X-Auth-Token": token}, cloud.process.pid)
    found = {}
    for method in ("PUT", "GET"):
        idle = peak_mib(cloud.process.pid, afresh=True)
        await asyncio.gather(*(server.once(method, f"{root}/large/{n % 8}", LARGE if method == "PUT" else b"") for n in range(PARALLEL)))
        found[f"{PARALLEL} × {method} 64 MiB at once"] = round(peak_mib(cloud.process.pid) - idle, 1)
    return found


def login(cloud: Cloud) -> tuple[str, str]:
    """A token, and the path of its project's account."""
    auth, domain = cloud.credentials("pileus"), {"name": "Default"}
    got = httpx.post(f"{cloud.url}/identity/v3/auth/tokens", json={"auth": {
        "scope": {"project": {"name": auth["project_name"], "domain": domain}},
        "identity": {"methods": ["password"], "password": {"user": {
            "name": auth["username"], "password": auth["password"], "domain": domain}}}}})
    return got.headers["x-subject-token"], f"/v1/AUTH_{got.json()['token']['project']['id']}"


async def filled(server: Server, container: str, first: int) -> None:
    """Every sixteenth of the objects to be listed."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    for n in range(first, LISTED, 16):
        await server.ask(reader, writer, "PUT", f"{container}/{n:06}", b"")
    writer.close()


def by_hand(folder: Path, seconds: float) -> dict[str, Measured]:
    """Files written as an object is: synchronised, renamed, and the folder synchronised."""
    rows = {}
    for name, body in (("write and fsync 4 KiB", SMALL), ("write and fsync 64 MiB", LARGE)):
        rows[name] = alone(lambda n, body=body: _write(folder, body, f"{n % 8}"), seconds)
    (folder / "small").write_bytes(SMALL)
    (folder / "large").write_bytes(LARGE)
    return rows


def alone(work: Callable[[int], object], seconds: float) -> Measured:
    """The same work, numbered, over and over again in this process."""
    took: list[float] = []
    until = time.perf_counter() + min(seconds, 2)
    while (since := time.perf_counter()) < until:
        work(len(took))
        took.append(time.perf_counter() - since)
    took.sort()
    return Measured(len(took) / sum(took), 1000 * took[len(took) // 2], 1000 * took[int(0.95 * len(took))], 0.0)


def _write(folder: Path, body: bytes, name: str) -> None:
    with open(folder / "new", "wb") as out:
        out.write(body)
        out.flush()
        os.fsync(out.fileno())
    os.replace(folder / "new", folder / name)
    fd = os.open(folder, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


async def files(address: str, seconds: float) -> dict[str, Measured]:
    server = Server(address)
    rows = {}
    for at in (1, 16):
        rows[f"nginx, GET 4 KiB at {at}"] = await server.measure(lambda w, n: ("GET", "/small", b""), at=at, seconds=min(seconds, 2))
    return rows | {"nginx, GET 64 MiB": await server.measure(lambda w, n: ("GET", "/large", b""), at=1, seconds=min(seconds, 2))}


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[str | None]:
    """Serve a folder's files; None where nginx is not installed."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        yield None
        return
    address = f"127.0.0.1:{free_port()}"
    settings = folder / "nginx.conf"
    settings.write_text(f"""daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1; user root;
events {{}}
http {{ access_log off; sendfile on; keepalive_requests 1000000; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2;
  fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen {address}; root {folder}; }} }}
""")
    process = subprocess.Popen([program, "-c", str(settings), "-e", str(folder / "error.log")])
    try:
        _reachable(address)
        yield address
    finally:
        process.terminate()
        process.wait()


def _reachable(address: str) -> None:
    for _ in range(100):
        try:
            httpx.get(f"http://{address}/small")
            return
        except httpx.ConnectError:
            time.sleep(0.05)
    raise TimeoutError("nginx did not start")


if __name__ == "__main__":
    main()
