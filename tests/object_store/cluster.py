"""A cluster of storage servers in processes of their own, with the proxy and, on demand, daemons in this one.

    async def test_something(cluster):
        await cluster.kill(0)                   # kill -9
        …
        await cluster.start(0)
        await cluster.heal()                    # every daemon of every node, once
        cluster.assert_healed()
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from pileus.core.ids import Ids
from pileus.object_store.cluster.layout import NodePlace, lay_out
from pileus.object_store.config import ObjectStoreConfig
from pileus.object_store.daemons import DAEMONS
from pileus.object_store.ring.device import Device, Node
from pileus.object_store.service import ObjectStore
from tests.object_store.harness import TestStore
from tests.ports import free_ports

SOURCE = Path(__file__).parent.parent.parent / "src"


class Cluster(TestStore):
    """Four nodes of one device each and three replicas, unless said otherwise.

    It may be entered again and again: its processes go on, what is on their devices is taken away. `destroy` ends it.
    """

    def __init__(self, *, nodes: int = 4, devices: int = 1, replicas: int = 3, **options: Any):
        super().__init__(real_time=True)
        # Writes are not brought to the disk: what is tested is processes that die, not machines.
        proxy = {"recheck_s": 0.0, "error_suppression_interval_s": 0.0, "node_timeout_s": 3.0, **options.pop("proxy", {})}
        self.config = msgspec.convert({"fsync": "never", "threads": 2, "proxy": proxy, **options}, ObjectStoreConfig)
        self.count, self.shape = nodes, {"devices": devices, "replicas": replicas}
        self.processes: dict[int, subprocess.Popen] = {}

    async def __aenter__(self) -> Cluster:
        if not self.processes:
            self.lay_out()
        for place in self.places:
            for device in (place.state / "devices").iterdir():
                for left in device.iterdir():
                    shutil.rmtree(left)
        for n in range(len(self.places)):
            if n not in self.processes or self.processes[n].poll() is not None:
                self.spawn(n)
        for n in range(len(self.places)):
            await self.up(n)
        self.objects = ObjectStore(self.places[0].config, self.folder / "front", self.clock, Ids(), self.identify, serves=())
        return self

    async def __aexit__(self, *_: Any) -> None:
        for n in self.processes:
            self.thaw(n)
        await self.objects.stop()

    def lay_out(self) -> None:
        self.folder.mkdir(exist_ok=True)
        ports = free_ports(2 * self.count)
        builtins = msgspec.to_builtins(self.config)
        given = {name: builtins[name] for name in ("fsync", "threads", "proxy", "policies", "reclaim_age_s", "sharding")}
        self.places: list[NodePlace] = lay_out(self.folder, Ids(1), list(zip(ports[::2], ports[1::2], strict=True)),
                                               part_power=4, **self.shape, **given)

    def destroy(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- nodes -------------------------------------------------------------------------------------------------------
    def spawn(self, n: int) -> None:
        place = self.places[n]
        with open(place.state / "server.log", "ab") as log:
            self.processes[n] = subprocess.Popen(
                [sys.executable, "-m", "pileus", "object-store", "run", "storage-server", "--state", str(place.state)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | {"PYTHONPATH": str(SOURCE)})

    async def up(self, n: int) -> None:
        for _ in range(400):
            try:
                socket.create_connection(self.address(n), 0.1).close()
                return
            except OSError:
                assert self.processes[n].poll() is None, (self.places[n].state / "server.log").read_text()
                await self.clock.sleep(0.05)
        raise AssertionError(f"node {n} does not come up")

    def address(self, n: int) -> tuple[str, int]:
        host, _, port = self.places[n].config.storage_listen.partition(":")
        return host, int(port)

    async def start(self, n: int) -> None:
        self.spawn(n)
        await self.up(n)

    async def kill(self, n: int) -> None:
        """kill -9"""
        self.processes[n].kill()
        self.processes[n].wait()

    def freeze(self, n: int) -> None:
        """It takes connections and says nothing."""
        self.processes[n].send_signal(signal.SIGSTOP)

    def thaw(self, n: int) -> None:
        self.processes[n].send_signal(signal.SIGCONT)

    def node_of(self, device: Device) -> int:
        return next(n for n in range(len(self.places)) if self.address(n)[1] == device.port)

    # ---- where things are --------------------------------------------------------------------------------------------
    def primaries(self, kind: str, *names: str) -> list[Node]:
        ring = self.objects.rings[kind]
        return ring.primaries(ring.partition("AUTH_alice", *names))

    def holders(self, kind: str, *names: str) -> list[int]:
        """The nodes that should have it."""
        return [self.node_of(p.device) for p in self.primaries(kind, *names)]

    def handoff(self, kind: str, *names: str) -> int:
        """The node that stands in for them first."""
        ring = self.objects.rings[kind]
        return self.node_of(next(iter(ring.handoffs(ring.partition("AUTH_alice", *names)))).device)

    def object_files(self, n: int, *names: str) -> list[str]:
        """The names of an object's files on a node."""
        hash = self.objects.hashing.hash("AUTH_alice", *names)
        return sorted(p.name for p in self.places[n].state.glob(f"devices/*/objects*/*/*/{hash}/*"))

    def data(self, n: int, *names: str) -> Path:
        hash = self.objects.hashing.hash("AUTH_alice", *names)
        found, = self.places[n].state.glob(f"devices/*/objects*/*/*/{hash}/*.data")
        return found

    # ---- healing -----------------------------------------------------------------------------------------------------
    async def daemon(self, name: str, nodes: list[int] | None = None) -> list[dict[str, int]]:
        """Run one daemon once on some nodes, or on all that run."""
        results = []
        for n, place in enumerate(self.places):
            if self.processes[n].poll() is None and (nodes is None or n in nodes):
                store = ObjectStore(place.config, place.state, self.clock, Ids(), serves=())
                try:
                    results.append(await DAEMONS[name](store).run_once())
                finally:
                    await store.stop()
        return results

    async def heal(self) -> None:
        """Every daemon once; replicators twice: what a handoff brings at last may be what another one lacked."""
        for name in [*DAEMONS, *(n for n in DAEMONS if n.endswith(("replicator", "reconstructor", "updater")))]:
            await self.daemon(name)

    def assert_object(self, body: bytes | None, *names: str) -> None:
        """On all that should have it there is this body (None: a deletion), and nowhere else anything."""
        holders = self.holders("object", *names)
        for n in range(len(self.places)):
            files = self.object_files(n, *names)
            if n not in holders:
                assert files == [], (n, files)
            elif body is None:
                assert [f.rpartition(".")[2] for f in files] == ["ts"], (n, files)
            else:
                assert self.data(n, *names).read_bytes() == body, (n, files)
