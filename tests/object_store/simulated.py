"""Nodes of a simulated cluster: processes that may die before any change they make, devices that fail, a network that loses and delays."""

from __future__ import annotations

import asyncio
import errno
import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pileus.core.clock import VirtualClock
from pileus.core.ids import Ids
from pileus.object_store.cluster.layout import NodePlace, lay_out
from pileus.object_store.ring.ring import Ring
from pileus.object_store.service import ObjectStore, load_hashing
from pileus.object_store.storage.media import Memory
from pileus.object_store.wire.message import Request, Response

#: What is coded and has shards in some worlds: kinds by the remainder of the seed.
KINDS = {3: "coded", 7: "sharded"}
FIRST_PORT = 6000
TIMEOUT_S = 2.0


class Ground:
    """What worlds of one kind have in common: rings and configurations. `kind`: see `World`."""

    def __init__(self, folder: Path, kind: str):
        self.kind, self.nodes = kind, 5 if kind == "coded" else 4
        options: dict[str, Any] = {"proxy": {"error_suppression_interval_s": 5.0, "node_timeout_s": TIMEOUT_S, "recheck_s": 0.0}}
        if kind == "coded":
            options["policies"] = [{"index": 0, "name": "coded", "erasure": {"data": 2, "parity": 2, "segment_size": 4096}}]
        if kind == "sharded":
            options["sharding"] = {"auto": True, "threshold": 3, "rows_per_shard": 2, "shrink_below": 2, "merge_below": 2}
        ports = [(FIRST_PORT + n, 7000 + n) for n in range(self.nodes)]
        self.places: list[NodePlace] = lay_out(folder / (kind or "whole"), Ids(1), ports, devices=1, replicas=3, part_power=4,
                                               threads=0, fsync="never", **options)
        folder = Path(self.places[0].config.ring_folder)
        hashing = load_hashing(folder / "cluster.json", Ids(1))
        self.rings = {path.stem: Ring.load(path, hashing) for path in folder.glob("*.ring")}


class SkewedClock(VirtualClock):
    def __init__(self, seconds: float):
        super().__init__()
        self.skew = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return super().now() + self.skew


class Trouble:
    """What may go wrong at the moment. `loss`: of messages; `delay_s`: how long those take that take long."""

    def __init__(self, chance: random.Random):
        self.random, self.loss, self.delay_s = chance, 0.0, 0.01


class Dead(OSError):
    """Whatever a process still does when it is dead."""


class SimulatedNode:
    """One node: its devices stay, its processes come and go."""

    def __init__(self, world: dict[int, SimulatedNode], ground: Ground, number: int, trouble: Trouble, seed: int):
        self.world, self.ground, self.number, self.trouble, self.seed = world, ground, number, trouble, seed
        self.clock = SkewedClock(trouble.random.uniform(-2, 2)) if number else VirtualClock()
        self.media = Memory(["d1"])
        self.lives = 0
        self.alive = self.sick = self.hung = False
        self.late: list[Request] = []           # what came while it was hung: it is done when nobody waits for it any more
        self.doing: list[asyncio.Task] = []
        self.fuse: int | None = None            # changes until the process dies
        self.start()

    def start(self) -> None:
        self.lives, self.alive, self.fuse = self.lives + 1, True, None
        life = self.lives
        self.media = self.media.reopened(lambda: self.change(life))
        place = self.ground.places[self.number]
        self.store = ObjectStore(place.config, place.state, self.clock, Ids(self.seed * 1000 + life * 10 + self.number), media=self.media)
        network: Any = SimulatedNetwork(self)
        # Whoever was given the real network gets this one: nothing in a simulation goes through a socket or a file.
        store: Any = self.store
        store.transport = store.proxy.transport = store.node.servers["container"].transport = store.node.objects.transport = network
        store.rings = store.proxy.rings = store.node.servers["container"].rings = self.ground.rings

    def die(self) -> None:
        self.alive, self.fuse, self.hung = False, None, False
        self.late.clear()

    def get_well(self) -> None:
        self.sick = self.hung = False
        self.media.devices.gone.clear()
        if not self.alive:
            self.start()
        self.doing += [asyncio.ensure_future(self.store.node(req)) for req in self.late]
        self.late.clear()

    async def done(self) -> None:
        """What came late is done."""
        await asyncio.gather(*self.doing, return_exceptions=True)
        self.doing.clear()

    def change(self, life: int) -> None:
        """Before each change of what is kept: a process of before changes nothing, and this is where one may die."""
        if self.fuse is not None and life == self.lives:
            self.fuse -= 1
            if self.fuse <= 0:
                self.die()
        if life != self.lives or not self.alive:
            raise Dead(f"node {self.number}")
        if self.sick and self.trouble.random.random() < 0.3:
            raise OSError(errno.EIO, "a device of the simulation fails")

    @property
    def troubled(self) -> bool:
        return not self.alive or self.fuse is not None or self.sick or self.hung or bool(self.media.devices.gone)


class SimulatedNetwork:
    """The way of one process to all others, and to itself."""

    def __init__(self, node: SimulatedNode):
        self.node, self.life, self.trouble = node, node.lives, node.trouble

    @property
    def dead(self) -> bool:
        return not self.node.alive or self.life != self.node.lives

    def lost(self, there: SimulatedNode) -> bool:
        return there is not self.node and self.trouble.random.random() < self.trouble.loss

    async def wait(self) -> None:
        """Some messages take their time: they are overtaken by others."""
        if self.trouble.random.random() < 0.3:
            await self.node.clock.sleep(self.trouble.random.uniform(0, 3 * self.trouble.delay_s))

    async def __call__(self, to: tuple[str, int], req: Request) -> Response:
        there = self.node.world[to[1] - FIRST_PORT]
        await self.wait()
        if self.dead or not there.alive or self.lost(there):
            raise ConnectionRefusedError(f"node {there.number}")
        life = there.lives
        sent = Request(req.method, req.path, req.headers, query=req.query, body=self.carried(req.body, there), id=req.id)
        sent.footers = req.footers
        if there.hung:
            if req.body is None:
                there.late.append(sent)
            await self.node.clock.sleep(TIMEOUT_S)
            raise TimeoutError(f"node {there.number} says nothing")
        answer = await there.store.node(sent)
        await self.wait()
        if self.dead or not there.alive or life != there.lives or self.lost(there):
            await answer.close()
            raise ConnectionResetError(f"node {there.number}: the answer was lost")
        return answer

    def carried(self, body: AsyncIterator[bytes] | None, there: SimulatedNode) -> AsyncIterator[bytes] | None:
        """A body on its way: it ends where its sender dies, or the connection breaks."""
        return None if body is None else self._carried(body, there)

    async def _carried(self, body: AsyncIterator[bytes], there: SimulatedNode) -> AsyncIterator[bytes]:
        async for chunk in body:
            if self.dead or self.lost(there):
                raise ConnectionResetError("a body broke off")
            yield chunk

    async def close(self) -> None:
        pass
