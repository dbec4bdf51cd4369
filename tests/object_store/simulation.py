"""A whole cluster in this process and virtual time.

A seed chooses what clients do, what is lost, which processes die in the middle of what, which devices fail, and how wrong clocks are.
Afterwards everything is up, the daemons run, and what was acknowledged must be there, on every replica and in every listing, and
nothing else.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import Any

import msgspec

from pileus.core.clock import VirtualClock
from pileus.object_store.daemons import DAEMONS
from pileus.object_store.model.timestamp import Stamper, stamp
from pileus.object_store.storage.database.container import ContainerBroker
from pileus.object_store.storage.object.hashes import without
from pileus.object_store.wire.body import stream
from pileus.object_store.wire.message import Request, Response
from tests.object_store.simulated import KINDS, Ground, SimulatedNode, Trouble

ACCOUNT = "AUTH_a"
#: One round of healing: what brings things about comes before what tells of them.
HEALING = ["object-auditor", "object-replicator", "object-reconstructor", "object-updater", "container-replicator", "container-sharder",
           "container-updater", "account-replicator"]
#: After so many rounds all has to be whole: what was lost is brought in one, told in the next, counted in the third.
ROUNDS = {"": 3, "coded": 3, "sharded": 18}


class World:
    """Of a ground: whole copies; `coded`: fragments, two of four are enough; `sharded`: containers of a few objects have shards.

    `destroys`: how often something is destroyed at the worst moment.
    """

    def __init__(self, seed: int, grounds: dict[str, Ground], destroys: float):
        self.destroys = destroys
        self.random, self.clock = random.Random(seed), VirtualClock()
        self.ground = grounds[KINDS.get(seed % 8, "")]
        self.kind, self.trouble = self.ground.kind, Trouble(self.random)
        self.nodes: dict[int, SimulatedNode] = {}
        for n in range(self.ground.nodes):
            self.nodes[n] = SimulatedNode(self.nodes, self.ground, n, self.trouble, seed)
        # Names are others in each world, and with them the devices.
        self.container, self.names = f"c{seed % 61}", [f"o{seed % 53}-{n}" for n in range(4)]
        #: name → (timestamp, body or None for a deletion, whether it was acknowledged), of all that clients tried
        self.tried: dict[str, list[tuple[str, bytes | None, bool]]] = {}
        self.stampers = {n: Stamper(node.clock) for n, node in self.nodes.items()}
        self.most_troubled = self.random.choice([2, 2, 3])
        self.damaged = False                    # one copy of something was destroyed: that is borne, two are not
        self.emptied = False                    # it was all that was on a device

    # ---- what happens ------------------------------------------------------------------------------------------------
    async def begin(self) -> None:
        assert (await self.send(0, "PUT", f"/{self.container}")).status == 201
        self.trouble_begins()

    def trouble_begins(self) -> None:
        self.trouble.loss = self.random.choice([0.0, 0.02, 0.1])
        self.trouble.delay_s = self.random.choice([0.01, 0.3])

    async def send(self, n: int, method: str, path: str, body: bytes | None = None, at: str = "", **headers: str) -> Response:
        """A request to the proxy of a node. Raises ConnectionError when that one dies over it."""
        node = self.nodes[n]
        life = node.lives
        req = Request(method, f"/v1/{ACCOUNT}{path}", {"content-length": str(len(body or b"")), **headers},
                      body=stream(body) if body is not None else None)
        if at:
            req.facts["timestamp"] = at
        answer = await node.store.proxy(req)
        data = await answer.read()
        if not node.alive or life != node.lives:
            raise ConnectionResetError(f"node {n}")
        return Response(answer.status, answer.headers, data)

    async def live(self) -> None:
        """Clients do things, and things break."""
        await asyncio.gather(*(self.client(n, 4) for n in range(3)), self.break_things(6, list(DAEMONS)))

    async def dwindle(self) -> None:
        """What has shards is nearly emptied: they go back into it."""
        self.trouble_begins()
        await asyncio.gather(self.deleter(self.names[1:]), self.break_things(8, ["container-sharder"] * 3 + ["container-replicator"], 0.8))

    async def client(self, number: int, steps: int) -> None:
        for step in range(steps):
            await self.clock.sleep(self.random.expovariate(2))
            n = self.random.choice([n for n, node in self.nodes.items() if node.alive])
            name, at, what = self.random.choice(self.names), self.stampers[n](), self.random.random()
            body = f"{number}-{step}".encode() * self.random.choice([1, 1, 20_000]) if what > 0.35 else None
            status = 0
            with suppress(ConnectionError):
                if what < 0.1:
                    await self.send(n, "POST", f"/{self.container}/{name}", at=at, **{"x-object-meta-a": at})
                elif body is None:
                    status = (await self.send(n, "DELETE", f"/{self.container}/{name}", at=at)).status
                else:
                    status = (await self.send(n, "PUT", f"/{self.container}/{name}", body, at=at)).status
            if what >= 0.1:
                self.tried.setdefault(name, []).append((at, body, status in ((204, 404) if body is None else (201, 202))))

    async def deleter(self, names: list[str]) -> None:
        """A client that deletes nearly all."""
        for name in names:
            await self.clock.sleep(self.random.expovariate(1))
            n, at, status = self.random.choice([n for n, node in self.nodes.items() if node.alive]), self.clock.now().timestamp(), 0
            with suppress(ConnectionError):
                status = (await self.send(n, "DELETE", f"/{self.container}/{name}", at=stamp(at))).status
            self.tried.setdefault(name, []).append((stamp(at), None, status in (204, 404)))

    async def break_things(self, steps: int, daemons: list[str], often: float = 0.3) -> None:
        for _ in range(steps):
            await self.clock.sleep(self.random.expovariate(0.7))
            self.break_one(self.nodes[self.random.randrange(len(self.nodes))])
            if self.random.random() < often:
                await self.daemon(self.random.choice(daemons))

    def break_one(self, node: SimulatedNode) -> None:
        """Make a node well, or if enough of them are, ill."""
        if node.troubled:
            node.get_well()
        elif sum(other.troubled for other in self.nodes.values()) < self.most_troubled:
            kind = self.random.choice(["die", "die", "fuse", "fuse", "fuse", "gone", "sick", "hang", "destroy"])
            if kind == "die":
                node.die()
            elif kind == "fuse":
                node.fuse = self.random.randint(1, 20)
            elif kind == "gone":
                node.media.devices.gone.add("d1")
            elif kind == "sick":
                node.sick = True
            elif kind == "hang":
                node.hung = True
            elif not self.damaged:
                self.destroy(node)

    def destroy(self, node: SimulatedNode) -> None:
        """A new device in the place of the old, or a bit of one body that turns."""
        self.damaged = True
        bodies = [(held, name) for files in node.media.kept.values() for part in files.parts.values() for held in part.values()
                  for name in held if held[name][1]]
        if not bodies or self.random.random() < 0.5:
            node.die()
            node.media.empty("d1")
            self.emptied = True
        else:
            held, name = self.random.choice(bodies)
            metadata, body = held[name]
            held[name] = metadata, bytes([body[0] ^ 1]) + body[1:]

    async def daemon(self, name: str) -> None:
        for node in self.nodes.values():
            if node.alive:
                with suppress(OSError):         # a pass that could not be made is the next one's
                    await DAEMONS[name](node.store).run_once()

    async def heal(self) -> None:
        """Everything comes up again, and rounds of all that heals, until nothing is to be healed."""
        if not self.damaged and self.random.random() < self.destroys:
            # What few have is worth most before it is brought to others.
            self.destroy(self.nodes[self.random.randrange(len(self.nodes))])
        self.trouble.loss = 0.0
        for node in self.nodes.values():
            node.fuse = None
            node.get_well()
            await node.done()
        await self.clock.sleep(120)
        for round in range(ROUNDS[self.kind]):
            for name in HEALING:
                if (self.kind == "sharded" or name != "container-sharder") and (round == 0 or name != "object-auditor"):
                    await self.daemon(name)
            if not self.differences():
                return

    # ---- what must be true -------------------------------------------------------------------------------------------
    def differences(self) -> list[str]:
        """What replicas do not agree on, and what waits to be told."""
        found = [f"node {n}: waits to be told: {held.names()}" for n, node in self.nodes.items() for held in node.media.waiting.values()
                 if held.held]
        found += [f"node {n}: {path}" for n, node in self.nodes.items() for path in node.media.home.held if "/tmp/" in path]
        found += [line for name in self.names for line in self.object_differences(name)]
        return found + self.database_differences()

    def object_differences(self, name: str) -> list[str]:
        ring = self.ground.rings["object"]
        holders = {int(h.device.port) - 6000: h.index for h in ring.primaries(ring.partition(ACCOUNT, self.container, name))}
        files = {n: self.files(n, name) for n in self.nodes}
        there = {n for n, names in files.items() if names}
        alike = {tuple(without({"": files[n]}, index).get("", [])) if self.kind == "coded" else tuple(files[n])
                 for n, index in holders.items()}
        return ([] if there <= holders.keys() else [f"{name} is on {there}, not {set(holders)}"]) + (
            [] if len(alike) == 1 else [f"{name}: replicas differ: {files}"])

    def files(self, n: int, name: str) -> list[str]:
        """The names of an object's files on a node."""
        hash = self.nodes[0].store.hashing.hash(ACCOUNT, self.container, name)
        return sorted(name for files in self.nodes[n].media.kept.values() for part in files.parts.values() for name in part.get(hash, {}))

    def database_differences(self) -> list[str]:
        """Databases of which replicas have other rows or counts, or news that they have not told; accounts that count otherwise."""
        found: dict[str, dict[int, Any]] = {}
        known: dict[str, tuple[str, int]] = {}          # shards of the container: how far they are and what they have, as it says
        for n, node in self.nodes.items():
            device = node.media.devices.path("d1")
            for databases in (node.store.node.accounts, node.store.node.containers):
                for part, hash in databases.listed(device):
                    broker = databases.get(device, part, hash)
                    info = broker.info()
                    waits = isinstance(broker, ContainerBroker) and (bool(broker.shards.misplaced(1)) or any(
                        info[f] != info["reported_" + f] for f in ("put_timestamp", "object_count", "bytes_used")))
                    name = f"{info['account']}/{info['container']}"
                    if name == f"{ACCOUNT}/{self.container}":
                        known |= {r.name: (r.state, r.object_count) for r in broker.ranges() if not r.deleted}
                    found.setdefault(name, {})[n] = info["hash"], info["object_count"], info["bytes_used"], waits
        counted = {replica[1:3] for name in (f"{ACCOUNT}/", f"{ACCOUNT}/{self.container}") for replica in found[name].values()}
        small = self.kind == "sharded" and max(count for count, _ in counted) < self.ground.places[0].config.sharding.shrink_below
        return [f"{name}: {replicas}" for name, replicas in found.items()
                if len(replicas) != 3 or len(set(replicas.values())) != 1 or any(replica[3] for replica in replicas.values())] + (
            [] if len(counted) == 1 else [f"counts differ: {counted}"]) + [
            f"{name}: its container says {said}" for name, said in known.items()
            if small or name not in found or any(said != ("active", replica[1]) for replica in found[name].values())]

    async def check(self) -> None:
        assert not self.differences(), self.differences()
        present: dict[str, int] = {}
        unsure = set()
        for name, tried in self.tried.items():
            answer = await self.send(self.random.randrange(len(self.nodes)), "GET", f"/{self.container}/{name}")
            newest = max((at for at, _, heard in tried if heard), default="")
            allowed = {b for at, b, heard in tried if at >= newest} | ({None} if not newest else set())
            found = answer.body if answer.status == 200 else None
            told = [(at, (b or b"-")[:10], heard) for at, b, heard in tried]
            assert answer.status in (200, 404) and found in allowed, f"{name}: {answer.status} {answer.body[:30]!r}; tried {told}"
            if found is not None:
                present[name] = len(found)
            # Whoever heard nothing knows nothing: between an object and word of it, its server may have died for good.
            # And word of it may have been on the one device that was lost, in both the places where it was left to others to be told.
            if self.emptied or any(not heard for _, _, heard in tried):
                unsure.add(name)
        listing = await self.send(self.random.randrange(len(self.nodes)), "GET", f"/{self.container}")
        assert listing.status == 200, listing
        rows = {row["name"]: row["bytes"] for row in msgspec.json.decode(listing.body)}
        sure = {name: size for name, size in present.items() if name not in unsure}
        assert {name: size for name, size in rows.items() if name not in unsure} == sure, f"listed {rows}, present {present}"
        assert listing.headers["x-container-object-count"] == str(len(rows))
        assert listing.headers["x-container-bytes-used"] == str(sum(rows.values()))
        account = await self.send(0, "HEAD", "")
        assert account.headers["x-account-object-count"] == str(len(rows)), account.headers
        assert account.headers["x-account-bytes-used"] == str(sum(rows.values())), account.headers
