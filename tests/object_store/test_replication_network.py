"""Replicators have a network of their own where the ring says so: what they bring does not stand in the way of clients."""

import asyncio
import shutil

import msgspec
import pytest

from pileus.core.clock import Clock
from pileus.core.ids import Ids
from pileus.object_store.cluster.run import Process
from pileus.object_store.config import ObjectStoreConfig
from pileus.object_store.daemons import DAEMONS
from pileus.object_store.ring import file, simple
from pileus.object_store.ring.device import Device
from pileus.object_store.service import ObjectStore
from pileus.object_store.wire.body import stream
from pileus.object_store.wire.message import Request
from tests.ports import free_ports

#: What replicators ask, and nobody else.
OF_REPLICATORS = {"REPLICATE", "SYNC"}


class Sniffing:
    """Notes which methods go to which port."""

    def __init__(self, through, seen):
        self.through, self.seen = through, seen

    async def __call__(self, to, req):
        self.seen.setdefault(to[1], set()).add(req.method)
        return await self.through(to, req)

    async def close(self):
        await self.through.close()


def lay_out(folder, ports):
    """Two nodes of one device each, with two addresses."""
    for n in range(2):
        (folder / f"node{n}" / "devices" / "d1").mkdir(parents=True)
    devices = [Device(id=n, zone=n, port=ports[n], replication_port=ports[2 + n], device="d1") for n in range(2)]
    for name in ("account", "container", "object"):
        file.write(folder / "rings" / f"{name}.ring", list(devices), simple.deal(devices, 2, 2), 1)
    common = {"ring_folder": str(folder / "rings"), "threads": 1, "fsync": "never"}
    return [msgspec.convert(common | {"storage_listen": f"127.0.0.1:{ports[n]}", "replication_listen": f"127.0.0.1:{ports[2 + n]}"},
                            ObjectStoreConfig) for n in range(2)]


@pytest.mark.realtime
async def test_replicators_keep_to_their_network(tmp_path):
    ports = free_ports(4)
    configs = lay_out(tmp_path, ports)
    until, seen = asyncio.Event(), dict[int, set[str]]()
    processes = [Process(config, tmp_path / f"node{n}", ["storage-server"]) for n, config in enumerate(configs)]
    running, ready = [], asyncio.Event()
    for process in processes:
        ready.clear()
        running.append(asyncio.ensure_future(process.run(until, ready.set)))
        await ready.wait()
    fronts = [ObjectStore(config, tmp_path / f"node{n}", Clock(), Ids(), serves=()) for n, config in enumerate(configs)]
    try:
        for front in fronts:
            front.transport = front.proxy.transport = Sniffing(front.transport, seen)
        for path, body in (("/v1/a", b""), ("/v1/a/c", b""), ("/v1/a/c/o", b"body")):
            req = Request("PUT" if path != "/v1/a" else "POST", path, {"content-length": str(len(body))}, body=stream(body))
            assert (await fronts[0].proxy(req)).ok
        for kind in ("accounts", "containers", "objects"):
            shutil.rmtree(tmp_path / "node1" / "devices" / "d1" / kind)
        for name in ("object-replicator", "container-replicator", "account-replicator"):
            await DAEMONS[name](fronts[0]).run_once()
        kinds = {path.suffix for path in tmp_path.glob("node1/devices/d1/*/*/*/*/*")}
        assert {".db", ".data"} <= kinds
        assert not (seen[ports[0]] | seen[ports[1]]) & OF_REPLICATORS and seen[ports[3]] == OF_REPLICATORS
    finally:
        until.set()
        await asyncio.gather(*running)
        for front in fronts:
            await front.stop()
