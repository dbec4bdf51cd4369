"""Gives containers with very many objects shards, and takes shards away that have become small.

Of the replicas of a container the first leads: it chooses the ranges, makes the shards, says when all have handed over. Every
replica moves its own rows: it sends a range to the shard and then, in one transaction, stops listing it itself. Nothing is ever listed
twice or not at all, whatever is interrupted: a range that was not handed over is begun again, and rows may be told twice.

A shard that shrinks delegates all of its names to its neighbour; one that grows, to shards of its own. When all of that has gone over, the
parent puts those in its place. So there is one way in which rows move, and one in which a parent learns of it.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import msgspec

from pileus.object_store.daemons import shard_ending as ending
from pileus.object_store.daemons import shard_shrinking as shrinking
from pileus.object_store.daemons.held import DatabaseDaemon, Held
from pileus.object_store.model.shards import PREFIX, ShardRange, Span, clipped, covers, gaps, later, lost
from pileus.object_store.model.timestamp import after
from pileus.object_store.proxy import container as containers
from pileus.object_store.proxy.ask import anyone
from pileus.object_store.ring.device import Node
from pileus.object_store.storage.container.shards import RECORDS, ROOT, send_rows
from pileus.object_store.storage.database.container import ContainerBroker
from pileus.object_store.storage.database.replicate import DO, State
from pileus.object_store.wire.body import stream
from pileus.object_store.wire.message import Request, Response, is_true

#: Rows that are sent, and removed, at a time.
ROWS = 1000
#: Containers are given shards that have this set, besides those that grow too large.
ENABLED = "x-container-sysmeta-sharding"


Job = Held[ContainerBroker]


def account_of(job: Job) -> str:
    """The account of its shards."""
    account = job.info["account"]
    return account if account.startswith(PREFIX) else PREFIX + account


class ContainerSharder(DatabaseDaemon[ContainerBroker]):
    name = "container-sharder"
    kind = "container"
    leading = False

    async def database(self, job: Job) -> None:
        shards = job.broker.shards
        await self.follow(job)
        if job.leads and await self.enabled(job):
            await self.find(job)
            await self.create(job)
        if job.leads:
            await ending.give_back(self, job)
        left = self.store.config.sharding.batch
        for each in await job.run(shards.current):
            if each.state not in ("found", "returning") and not each.handed and left:
                left -= 1
                await self.hand_over(job, each)
        for each in await job.run(shards.current):
            if each.handed and each.state != "returning":
                await self.purge(job, each)
        await self.place(job)
        if job.leads and await job.run(shards.all):
            await self.lead(job)
        elif not job.leads and await job.run(shards.any) and await self.tell_one(job, job.others[0], []) is None:
            await self.count(job)               # who leads is away, maybe for long: what shards have is known all the same

    async def follow(self, job: Job) -> None:
        """Have a shard count what is of its container's policy, which may have become another since the shard was made."""
        account, _, container = (await job.run(job.broker.metadata)).get(ROOT, ("", ""))[0].partition("/")
        if not container or job.broker.is_deleted(job.info):
            return
        root = await self.store.proxy.container_info(account, container)
        if root.exists and root.policy != job.info["storage_policy_index"]:
            await job.run(job.broker.set_policy, root.policy, self.store.proxy.stamp())
            self.did["policies followed"] += 1

    async def enabled(self, job: Job) -> bool:
        if job.broker.is_deleted(job.info):
            return False
        set_so = (await job.run(job.broker.metadata)).get(ENABLED, ("", ""))[0]
        return self.store.config.sharding.auto or is_true(set_so) or job.info["account"].startswith(PREFIX)

    # ---- new shards --------------------------------------------------------------------------------------------------
    async def find(self, job: Job) -> None:
        """Choose where to cut; of what has been cut, fill what no shard has."""
        config, current = self.store.config.sharding, await job.run(job.broker.shards.current)
        if current:
            missing = gaps(current)
        elif job.info["object_count"] >= config.threshold:
            cuts = await job.run(job.broker.shards.cuts, config.rows_per_shard, max(1, config.rows_per_shard // 5))
            missing = spans_of(cuts) if cuts else []
        else:
            return
        if missing:
            await job.run(job.broker.shards.merge, found(account_of(job), job.hash, self.store.proxy.stamp(), missing))
            self.did["found"] += len(missing)

    async def create(self, job: Job) -> None:
        """Make the containers of ranges that were found."""
        current = await job.run(job.broker.shards.current)
        idle = {each.name for each in current if each.state == "found"}
        for each in current:
            if each.state == "found" and not any(overlap(each, other) and (other.name not in idle or other.name < each.name)
                                                 for other in current) and (await self.make(job, each)).ok:
                await self.change(job, each, state="created")
                self.did["created"] += 1

    async def make(self, job: Job, each: ShardRange) -> Response:
        root = (await job.run(job.broker.metadata)).get(ROOT, (job.name, ""))[0]
        return await containers.make(self.store.proxy, each.path, job.info["storage_policy_index"], {ROOT: root})

    async def change(self, job: Job, each: ShardRange, **changes: Any) -> None:
        # Later than what is changed, whatever clock that was written by.
        at = self.later([each])
        await job.run(job.broker.shards.merge, [msgspec.structs.replace(each, changed_at=at, **changes)])

    def later(self, known: Iterable[ShardRange]) -> str:
        """A moment after all that is known."""
        return later(known, self.store.proxy.stamp())

    # ---- rows on their way -------------------------------------------------------------------------------------------
    async def hand_over(self, job: Job, each: ShardRange) -> None:
        """Send the own rows of a range to its shard, until there is nothing new to send: from then on the shard is asked."""
        last = -1
        while True:
            rows = await job.run(job.broker.shards.rows_of, each, last, ROWS)
            if rows and not await self.send(job, each, rows):
                self.did["unreachable"] += 1
                return
            self.did["rows"] += len(rows)
            last = rows[-1]["row"] if rows else last
            if not rows and await job.run(job.broker.shards.hand_over, each, last):
                self.did["handed over"] += 1
                return

    async def purge(self, job: Job, each: ShardRange) -> None:
        """Remove rows that were handed over."""
        while await job.run(job.broker.shards.purge, each, ROWS) == ROWS:
            pass

    async def place(self, job: Job) -> None:
        """Send rows on that came here although a shard has their range."""
        shards = job.broker.shards
        while waiting := await job.run(shards.misplaced, ROWS):
            placed: list[int] = []
            targets: dict[str, tuple[ShardRange | None, list[tuple[int, dict]]]] = {}
            for number, row in waiting:
                target = await job.run(shards.of, row["name"])
                targets.setdefault(target.name if target else "", (target, []))[1].append((number, row))
            for target, rows in targets.values():
                if target is None:
                    await job.run(job.broker.merge, [row for _, row in rows])       # nobody has it any more
                elif not await self.send(job, target, [row for _, row in rows]):
                    continue
                placed += [number for number, _ in rows]
            await job.run(shards.placed, placed)
            self.did["placed"] += len(placed)
            if len(placed) < len(waiting):
                return

    async def send(self, job: Job, each: ShardRange, rows: list[dict[str, Any]]) -> bool:
        return await send_rows(self.store.transport, self.store.rings["container"], each, rows, [job.name])

    # ---- what the first replica decides ------------------------------------------------------------------------------
    async def lead(self, job: Job) -> None:
        before = await job.run(job.broker.shards.all)
        told = await self.tell(job, before)
        if None not in told:
            for each in before:
                known = [next((r for r in theirs.shards if r.name == each.name), None) for theirs in told if theirs is not None]
                if each.state == "created" and not each.deleted and each.handed and all(r and r.handed for r in known):
                    await self.change(job, each, state="active")
                    self.did["active"] += 1
        if job.broker.is_deleted(job.info):
            await ending.remove_all(self, job)
        else:
            theirs = await self.count(job)
            if overlaps := lost(await job.run(job.broker.shards.current)):
                await self.settle(job, overlaps)
            else:
                await self.promote(job, theirs)
            # Only the outermost parent: two that know the same shards might have each of them go over into the other.
            if not job.info["account"].startswith(PREFIX):
                await shrinking.shrink(self, job, theirs, told)
        await ending.retire(self, job)
        after = await job.run(job.broker.shards.all)
        if after != before:
            await self.tell(job, after)

    async def tell(self, job: Job, ranges: list[ShardRange]) -> list[State | None]:
        """Tell the other replicas of the ranges; how each of them is then, None of one that does not answer."""
        return [await self.tell_one(job, node, ranges) for node in job.others]

    async def tell_one(self, job: Job, node: Node, ranges: list[ShardRange]) -> State | None:
        return await self.exchange(node, f"/container/{node.device.device}/{job.part}/{job.hash}", ranges)

    async def exchange(self, node: Node, path: str, ranges: list[ShardRange]) -> State | None:
        try:
            return await self.look(node, path, ranges)
        except OSError:
            return None

    async def look(self, node: Node, path: str, ranges: Iterable[ShardRange] = ()) -> State | None:
        """How a replica is; None of one that is not there. Raises OSError when it cannot say."""
        body = msgspec.json.encode(list(ranges))
        req = Request("REPLICATE", path, {DO: "ranges", "content-length": str(len(body))}, body=stream(body))
        answer = await self.store.transport(node.replication, req)
        data = await answer.read()
        if not answer.ok and answer.status != 404:
            raise OSError(f"{node.device} answers {answer.status}")
        return msgspec.json.decode(data, type=State) if answer.ok else None

    async def ask(self, each: ShardRange, method: str, headers: dict[str, str]) -> Response:
        account, container = each.path
        ring, path = self.store.rings["container"], f"/{account}/{container}"
        nodes = self.store.proxy.nodes(ring, ring.partition(account, container))
        return await anyone(self.store.proxy, "container", nodes, Request(method, path, {"x-newest": "true"}), path, headers)

    async def ranges_of(self, each: ShardRange, more: Mapping[str, str] | None = None) -> list[ShardRange] | None:
        """What a shard delegates; None when it cannot say."""
        answer = await self.ask(each, "GET", {RECORDS: "shard", **(more or {})})
        data = await answer.read()
        return msgspec.json.decode(data, type=list[ShardRange]) if answer.ok else None

    async def count(self, job: Job) -> dict[str, list[ShardRange]]:
        """Ask all shards how much they have: those also that a replica, which may be away for long, has not handed over to yet. Returns
        what they delegate, of those that have everything and answer."""
        theirs: dict[str, list[ShardRange]] = {}
        counts: dict[str, tuple[int, int]] = {}
        current = {r.name: r for r in await job.run(job.broker.shards.current) if r.delegated}
        for name, each in current.items():
            answer = await self.ask(each, "HEAD", {"x-backend-storage-policy-index": str(job.info["storage_policy_index"])})
            await answer.close()
            if answer.status == 404 and each.name.startswith(PREFIX):
                await self.make(job, each)              # without it nothing could be listed
            if not answer.ok:
                continue
            counts[name] = int(answer.header("x-container-object-count")), int(answer.header("x-container-bytes-used"))
            if each.state == "created" or not each.name.startswith(PREFIX):
                continue                                # what a shard gives its rows back to has shards of its own
            if (given := await self.ranges_of(each) if answer.header("x-backend-sharding-state") else []) is not None:
                theirs[name] = given
        # While one goes over into its neighbour, what is on its way would be counted with both.
        for name, ranges_ in theirs.items():
            if into := {r.name for r in ranges_} & current.keys():
                counts = {n: c for n, c in counts.items() if n != name and n not in into}
        for name, now in counts.items():
            each = current[name]
            if now != (each.object_count, each.bytes_used) or not each.counted_at:
                # After what it was counted before, whatever clock that was written by.
                at = max(self.store.proxy.stamp(), after(each.counted_at) if each.counted_at else "")
                counted = msgspec.structs.replace(each, object_count=now[0], bytes_used=now[1], counted_at=at)
                await job.run(job.broker.shards.merge, [counted])
        return theirs

    async def promote(self, job: Job, theirs: dict[str, list[ShardRange]]) -> None:
        """Put shards that have handed over everything they had out of the way: those that have it now come in their place."""
        for name, children in theirs.items():
            if covers(children) and all(r.name != job.name for r in children):
                current = {r.name: r for r in await job.run(job.broker.shards.current)}
                await job.run(job.broker.shards.merge, promoted(current, current[name], children, self.later(current.values())))
                self.did["promoted"] += 1

    async def settle(self, job: Job, overlaps: list[tuple[ShardRange, list[ShardRange]]]) -> None:
        """Have shards go over into those that have their names; for names that nobody else has, a shard makes shards of its own. Until
        that is done, what only they were told of is not listed."""
        for each, parts in overlaps:
            if each.state == "found":
                await self.change(job, each, deleted=True)          # it was only an idea
                continue
            children = await self.ranges_of(each)
            if children and covers(children):
                current = {r.name: r for r in await job.run(job.broker.shards.current)}
                await job.run(job.broker.shards.merge, promoted(current, current[each.name], children, self.later(current.values())))
                self.did["settled"] += 1
            elif children == []:
                await self.delegate(each, passed_on(each, parts, self.store.proxy.stamp()))

    async def delegate(self, each: ShardRange, ranges: list[ShardRange]) -> None:
        """Tell all replicas of a shard to pass their rows on."""
        ring = self.store.rings["container"]
        part, hash = ring.partition(*each.path), self.store.hashing.hash(*each.path)
        for node in ring.primaries(part):
            await self.exchange(node, f"/container/{node.device.device}/{part}/{hash}", ranges)


def found(account: str, parent: str, at: str, spans: Iterable[Span]) -> list[ShardRange]:
    """Ranges of these names; what they are called is what no other range is."""
    return [ShardRange(name=f"{account}/{parent}-{at}-{n}", lower=span.lower, upper=span.upper, changed_at=at)
            for n, span in enumerate(spans)]


def passed_on(each: ShardRange, parts: Iterable[ShardRange], at: str) -> list[ShardRange]:
    """What a range delegates that has lost parts to others; those at its ends are without bounds. Pure."""
    return [ShardRange(name=part.name, lower=part.lower if part.lower > each.lower else "",
                       upper=part.upper if part.upper != each.upper else "", state="created", changed_at=at) for part in parts]


def spans_of(cuts: Iterable[str]) -> list[Span]:
    return [Span(lower=lower, upper=upper) for lower, upper in pairwise(["", *cuts, ""])]


def overlap(one: ShardRange, other: ShardRange) -> bool:
    return one.name != other.name and clipped(one, other) is not None


def promoted(current: dict[str, ShardRange], parent: ShardRange, children: list[ShardRange], at: str) -> list[ShardRange]:
    """What a container knows of its ranges when a shard's shards come in that one's place. Pure."""
    changed = [msgspec.structs.replace(parent, deleted=True, changed_at=at)]
    for child in children:
        bounds = clipped(child, parent)
        if bounds is None:
            continue
        lower, upper = bounds
        known = current.get(child.name)
        if known is None:
            changed.append(ShardRange(name=child.name, lower=lower, upper=upper, state="active", changed_at=at, counted_at=at,
                                      object_count=child.object_count, bytes_used=child.bytes_used))
        else:
            changed.append(msgspec.structs.replace(
                known, lower=min(lower, known.lower), upper="" if "" in (upper, known.upper) else max(upper, known.upper), changed_at=at,
                counted_at=at, object_count=known.object_count + (parent.object_count if len(children) == 1 else 0),
                bytes_used=known.bytes_used + (parent.bytes_used if len(children) == 1 else 0)))
    return changed
