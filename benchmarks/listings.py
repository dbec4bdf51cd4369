"""What a page of a container's listing costs, however many objects there are: `python -m benchmarks.listings [objects] [--save FILE]`.

Pages of 10,000 out of the middle of a container of 1,000,000 objects (and of one of 10,000), as JSON through the whole pipeline and
from the container server alone, beside the same rows read by SQLite and encoded by hand. In one process; medians of processor time.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from conformance.results import version

from pileus.core.clock import Clock
from pileus.core.ids import Ids
from pileus.object_store.config import ObjectStoreConfig
from pileus.object_store.service import ObjectStore
from pileus.object_store.wire.message import Request

ACCOUNT, PAGE, AT = "AUTH_bench", 10_000, "1700000000.00000"
ROW = (1234, "application/octet-stream", "d41d8cd98f00b204e9800998ecf8427e", AT, AT)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.listings", description=__doc__.split("\n", 1)[0])
    parser.add_argument("objects", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pileus-bench-") as folder:
        rows = asyncio.run(measure(Path(folder), options.objects))
    for name, ms in rows.items():
        print(f"{name:52}{ms:9.1f} ms")
    if options.save:
        options.save.parent.mkdir(exist_ok=True)
        options.save.write_text(json.dumps({"version": version(), "load": f"{os.getloadavg()[0]:.1f}", "rows": rows}, indent=2) + "\n")


async def measure(folder: Path, objects: int) -> dict[str, float]:
    store = ObjectStore(msgspec.convert({"fsync": "never"}, ObjectStoreConfig), folder, Clock(), Ids())
    rows: dict[str, float] = {}
    try:
        for count in (PAGE, objects):
            container = f"c{count}"
            broker, path = await filled(store, container, count)
            marker = "folder50" if count > PAGE else ""
            query = f"format=json&limit={PAGE}&marker={marker}"

            async def asked(handler: Any, target: str, query: str) -> None:
                answer = await handler(Request("GET", target, query=query))
                assert answer.ok, answer
                await answer.read()

            shown, listed = f"of {count:,}", f"/v1/{ACCOUNT}/{container}"
            rows |= await medians_ms({
                f"rows {shown}, by hand": partial(by_hand, broker, marker),
                f"page {shown}, container server": partial(asked, store.node, path, query),
                f"page {shown}, proxy": partial(asked, store.proxy, listed, query),
                f"folders {shown}, proxy": partial(asked, store.proxy, listed, "format=json&delimiter=/")})
    finally:
        await store.stop()
    return rows


async def filled(store: ObjectStore, container: str, count: int) -> tuple[Any, str]:
    """A container with so many objects in a hundred folders, in the order in which clients would have put them; its database and path."""
    made = await store.proxy(Request("PUT", f"/v1/{ACCOUNT}/{container}"))
    assert made.ok, made
    ring, hash = store.rings["container"], store.hashing.hash(ACCOUNT, container)
    part = ring.partition(ACCOUNT, container)
    device = ring.primaries(part)[0].device.device
    broker = store.node.containers.get(store.devices / device, part, hash)
    with broker.writing() as db:
        db.executemany("INSERT INTO object (name, created_at, size, content_type, etag, ctype_at, meta_at) VALUES (?,?,?,?,?,?,?)",
                       ((f"folder{n % 100:02}/object-{n:08}", AT, *ROW) for n in range(count)))
        db.execute("INSERT INTO policy_stat VALUES (0, ?, ?)", (count, count * ROW[0]))
    return broker, f"/container/{device}/{part}/{ACCOUNT}/{container}"


async def by_hand(broker: Any, marker: str) -> None:
    """The least that a page can cost with this database and this encoder."""
    rows = broker.all("SELECT name, created_at, size, content_type, etag FROM object WHERE deleted=0 AND name > ? ORDER BY name LIMIT ?",
                      (marker, PAGE))
    assert len(rows) == PAGE
    msgspec.json.encode(rows)


async def medians_ms(works: Mapping[str, Callable[[], Awaitable[Any]]], rounds: int = 11) -> dict[str, float]:
    """One after another in each round: what else the machine does meanwhile is all of theirs alike."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            begin = time.process_time()
            await work()
            times[name].append(time.process_time() - begin)
    return {name: round(1000 * statistics.median(took), 2) for name, took in times.items()}


if __name__ == "__main__":
    main()
