"""A whole cluster in this process and virtual time, on a network that loses, delays and repeats nothing but bad news.

A seed chooses what clients do, what is lost, which nodes die, and how wrong clocks are. Afterwards everything is up, the daemons run,
and what was acknowledged must be there, on every replica and in every listing, and nothing else.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from pileus.core.clock import Clock, VirtualClock
from pileus.core.ids import Ids
from pileus.object_store.cluster.layout import lay_out
from pileus.object_store.daemons import DAEMONS
from pileus.object_store.model.timestamp import Stamper
from pileus.object_store.service import ObjectStore
from pileus.object_store.storage.object.hashes import without
from pileus.object_store.wire.body import stream
from pileus.object_store.wire.message import Request, Response
from tests.object_store.harness import in_memory

ACCOUNT = "AUTH_a"


class SkewedClock(VirtualClock):
    def __init__(self, seconds: float):
        super().__init__()
        self.skew = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return super().now() + self.skew


class SimulatedNetwork:
    """One node's way to the others."""

    def __init__(self, world: World, node: int):
        self.world, self.node = world, node

    async def __call__(self, to: tuple[str, int], req: Request) -> Response:
        world, there = self.world, self.world.by_port[to[1]]
        await world.wait()
        if there in world.down or (there != self.node and world.random.random() < world.loss):
            raise ConnectionRefusedError(f"node {there}")
        sent = Request(req.method, req.path, req.headers, query=req.query, body=req.body, id=req.id)
        sent.footers = req.footers
        answer = await world.stores[there].node(sent)
        await world.wait()
        if there != self.node and (there in world.down or world.random.random() < world.loss):
            await answer.close()
            raise ConnectionResetError(f"node {there}: the answer was lost")
        return answer

    async def close(self) -> None:
        pass


#: Passes after which everything has to be whole: what reads all and changes nothing comes once, what brings things about as often as
#: one thing may wait for another.
HEALING = ["object-auditor", "container-auditor", "object-replicator", "object-reconstructor", "object-updater", "container-replicator",
           "container-sharder", "object-replicator", "object-reconstructor", "object-updater", "container-replicator", "account-replicator",
           "container-sharder", "container-updater", "container-replicator", "account-replicator"]
#: What is coded and has shards in some worlds: kinds by the remainder of the seed.
KINDS = {3: "coded", 7: "sharded"}


class World:
    """`kind`: whole copies; `coded`: fragments, two of four are enough; `sharded`: containers of a few objects have shards."""

    def __init__(self, seed: int, *, nodes: int = 5, replicas: int = 3, kind: str = ""):
        self.random, self.clock = random.Random(seed), VirtualClock()
        self.kind = kind or KINDS.get(seed % 8, "")
        self.folder = Path(tempfile.mkdtemp(prefix="pileus-simulation-", dir=in_memory()))
        self.loss, self.delay_s, self.down = 0.0, 0.01, set[int]()
        options: dict[str, Any] = {"proxy": {"recheck_s": 0.0, "error_suppression_interval_s": 5.0, "node_timeout_s": 2.0}}
        if self.kind == "coded":
            options["policies"] = [{"index": 0, "name": "coded", "erasure": {"data": 2, "parity": 2, "segment_size": 4096}}]
        if self.kind == "sharded":
            options["sharding"] = {"auto": True, "threshold": 3, "rows_per_shard": 2, "shrink_below": 2, "merge_below": 2}
        places = lay_out(self.folder, Ids(seed), nodes=nodes, devices=1, replicas=replicas, part_power=3,
                         storage_ports=[6000 + n for n in range(nodes)], proxy_ports=[7000 + n for n in range(nodes)],
                         threads=0, fsync="never", **options)
        self.by_port = {6000 + n: n for n in range(nodes)}
        self.stores: list[ObjectStore] = []
        for n, place in enumerate(places):
            clock: Clock = SkewedClock(self.random.uniform(-2, 2)) if n else self.clock
            store = ObjectStore(place.config, place.state, clock, Ids(seed + n))
            network: Any = SimulatedNetwork(self, n)
            # Whoever was given the real network gets this one: nothing in a simulation goes through a socket.
            store.transport = store.proxy.transport = store.node.servers["container"].transport = store.node.objects.transport = network
            self.stores.append(store)
        #: name → (timestamp, body or None for a deletion, whether it was acknowledged), of all that clients tried
        self.tried: dict[str, list[tuple[str, bytes | None, bool]]] = {}
        self.stampers = [Stamper(store.clock) for store in self.stores]

    async def close(self) -> None:
        for store in self.stores:
            await store.stop()
        shutil.rmtree(self.folder)

    # ---- what happens ------------------------------------------------------------------------------------------------
    async def wait(self) -> None:
        """Some messages take their time: they are overtaken by others."""
        if self.random.random() < 0.3:
            await self.clock.sleep(self.random.uniform(0, 3 * self.delay_s))

    async def send(self, n: int, method: str, path: str, body: bytes | None = None, at: str = "", **headers: str) -> Response:
        req = Request(method, f"/v1/{ACCOUNT}{path}", {"content-length": str(len(body or b"")), **headers},
                      body=stream(body) if body is not None else None)
        if at:
            req.facts["timestamp"] = at
        answer = await self.stores[n].proxy(req)
        data = await answer.read()
        return Response(answer.status, answer.headers, data)

    async def client(self, number: int, steps: int) -> None:
        for step in range(steps):
            await self.clock.sleep(self.random.expovariate(2))
            n = self.random.choice([n for n in range(len(self.stores)) if n not in self.down])
            name = f"o{self.random.randrange(4)}"
            at = self.stampers[n]()
            if self.random.random() < 0.35:
                body = None
                answer = await self.send(n, "DELETE", f"/c/{name}", at=at)
                heard = answer.status in (204, 404)
            else:
                body = f"{number}-{step}".encode() * self.random.choice([1, 1, 20_000])
                answer = await self.send(n, "PUT", f"/c/{name}", body, at=at)
                heard = answer.status in (201, 202)
            self.tried.setdefault(name, []).append((at, body, heard))

    async def trouble(self, steps: int) -> None:
        for _ in range(steps):
            await self.clock.sleep(self.random.expovariate(0.5))
            n = self.random.randrange(len(self.stores))
            if n in self.down:
                self.down.discard(n)
            elif len(self.down) < 2:
                self.down.add(n)
            if self.random.random() < 0.3:
                with suppress(OSError):     # a pass that could not be made is the next one's
                    await self.daemon(self.random.choice(list(DAEMONS)))

    async def daemon(self, name: str) -> None:
        for n, store in enumerate(self.stores):
            if n not in self.down:
                await DAEMONS[name](store).run_once()

    async def heal(self) -> None:
        self.down.clear()
        self.loss = 0.0
        await self.clock.sleep(120)
        for name in HEALING:
            if self.kind != "sharded" and name == "container-sharder":
                continue
            await self.daemon(name)
        for _ in range(6 if self.kind == "sharded" else 0):
            for name in ("container-sharder", "container-replicator", "container-updater", "account-replicator"):
                await self.daemon(name)

    # ---- what must be true -------------------------------------------------------------------------------------------
    async def check(self) -> None:
        ring, present = self.stores[0].rings["object"], {}
        for name, tried in self.tried.items():
            holders = ring.primaries(ring.partition(ACCOUNT, "c", name))
            files = {n: self.files(n, name) for n in range(len(self.stores))}
            there = {n for n, names in files.items() if names}
            assert there in ({int(n.device.port) - 6000 for n in holders}, set()), f"{name} is on {there}"
            alike = {tuple(without({"": names}, node.index).get("", [])) if self.kind == "coded" else tuple(names)
                     for node in holders for names in [files[int(node.device.port) - 6000]]}
            assert len(alike) == 1, f"{name}: replicas differ: {files}"
            answer = await self.send(self.random.randrange(len(self.stores)), "GET", f"/c/{name}")
            newest = max((at for at, _, heard in tried if heard), default="")
            allowed = {b for at, b, heard in tried if at >= newest} | ({None} if not newest else set())
            found = answer.body if answer.status == 200 else None
            told = [(at, (b or b"-")[:10], heard) for at, b, heard in tried]
            assert answer.status in (200, 404) and found in allowed, f"{name}: {answer.status} {answer.body[:30]!r}; tried {told}"
            if found is not None:
                present[name] = len(found)
        for n in range(len(self.stores)):
            listing = await self.send(n, "GET", "/c")
            assert listing.status == 200, listing
            rows = {row["name"]: row["bytes"] for row in msgspec.json.decode(listing.body)}
            assert rows == present, f"listed {rows}, present {present}"
            assert listing.headers["x-container-object-count"] == str(len(present))
            assert listing.headers["x-container-bytes-used"] == str(sum(present.values()))
        account = await self.send(0, "HEAD", "")
        assert account.headers["x-account-bytes-used"] == str(sum(present.values())), account.headers
        assert not list(self.folder.glob("node*/devices/*/async_pending/*/*"))
        assert not [p for p in self.folder.glob("node*/devices/*/tmp/*")]

    def files(self, n: int, name: str) -> list[str]:
        """The names of an object's files on a node."""
        hash = self.stores[0].hashing.hash(ACCOUNT, "c", name)
        return sorted(p.name for p in self.folder.glob(f"node{n + 1}/devices/d1/objects/*/*/{hash}/*"))
