"""Small shards go over into their neighbours; the last one, when it is small, back into its container.

One at a time, in steps of which each may be repeated, and of which all replicas of the container know before the next: the container says
who goes over into whom, the shard delegates all of its names, and when that has all of them the container forgets the shard. A shard that
was told before everybody knows of it might be told to take in what it is to give away, and both would pass rows to each other for ever.

Rows that come back into the container do not count there, and are not listed, until it forgets the shard; and it does not before
all replicas of it have the same.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from pileus.object_store.config import ShardingConfig
from pileus.object_store.model.shards import ShardRange, covers, gaps, lost
from pileus.object_store.storage.database.replicate import State

if TYPE_CHECKING:
    from pileus.object_store.daemons.sharder import ContainerSharder, Job


async def shrink(sharder: ContainerSharder, job: Job, theirs: dict[str, list[ShardRange]], told: Sequence[State | None]) -> None:
    """One step. `theirs`: to whom shards delegate, of those that answer; `told`: how the other replicas of the container are, None of one
    that does not answer."""
    current = await job.run(job.broker.shards.current)
    if None in told or set(theirs) != {r.name for r in current}:
        return
    if stray := next((r for r in current if r.state == "active" and any(to.name == job.name for to in theirs[r.name])), None):
        # It gives its rows back already: while the replica that knew it was away, nobody else did.
        await sharder.change(job, stray, state="returning", goes_into=job.name)
    elif going := next((r for r in current if r.goes_into), None):
        await go_over(sharder, job, going, theirs[going.name], [state for state in told if state is not None])
    elif all(r.state == "active" for r in current) and not lost(current) and not gaps(current) and not any(theirs.values()) \
            and (found := candidates(current, job.name, sharder.store.config.sharding)):
        donor, how = found[0]
        await sharder.change(job, donor, **how)
        sharder.did["shrinking"] += 1


def candidates(current: Sequence[ShardRange], container: str, config: ShardingConfig) -> list[tuple[ShardRange, dict[str, str]]]:
    """Shards that are to go, and what is then known of each; none of them is one that others go into. Pure."""
    found: list[tuple[ShardRange, dict[str, str]]] = []
    taken: set[str] = set()
    for left, right in pairwise(current):
        donor, acceptor = sorted((left, right), key=lambda r: r.object_count)
        if donor.object_count < config.shrink_below and donor.object_count + acceptor.object_count <= config.merge_below \
                and taken.isdisjoint((donor.name, acceptor.name)):
            found.append((donor, {"state": "shrinking", "goes_into": acceptor.name}))
            taken |= {donor.name, acceptor.name}
    if len(current) == 1 and current[0].object_count < config.shrink_below:
        found.append((current[0], {"state": "returning", "goes_into": container}))
    return found


async def go_over(sharder: ContainerSharder, job: Job, going: ShardRange, given: list[ShardRange], told: Sequence[State]) -> None:
    """Have a shard delegate its names, once all replicas know. When it has, the sharder promotes the neighbour; the container itself takes
    its place here."""
    if any(not any((r.name, r.state, r.goes_into) == (going.name, going.state, going.goes_into) for r in state.shards) for state in told):
        return
    if not given:
        await sharder.delegate(going, [ShardRange(name=going.goes_into, state="created", changed_at=sharder.store.proxy.stamp())])
    elif going.state == "returning" and covers(given):
        own = (await job.run(job.broker.info))["hash"]
        if all(state.hash == own for state in told):
            await sharder.change(job, going, deleted=True)
            sharder.did["brought back"] += 1
