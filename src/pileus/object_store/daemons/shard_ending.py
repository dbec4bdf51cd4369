"""Shards that are over: of containers that were deleted, those that others have replaced, and those that nobody knows."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from pileus.object_store.model.shards import PREFIX, ShardRange
from pileus.object_store.proxy import container as containers
from pileus.object_store.ring.ring import partition
from pileus.object_store.storage.container.shards import ONLY, ROOT, send_rows
from pileus.object_store.storage.database.replicate import State

if TYPE_CHECKING:
    from pileus.object_store.daemons.sharder import ContainerSharder, Job

#: What a shard has delegated does not count: only its own rows keep it from being removed.
ALONE = {"x-backend-delegated": "ignored"}


async def remove_all(sharder: ContainerSharder, job: Job) -> None:
    """The container is deleted: so are its shards, as far as they are empty."""
    for each in await job.run(job.broker.shards.current):
        if not each.name.startswith(PREFIX):
            await sharder.change(job, each, deleted=True)       # what a shard gave its rows back to is no shard
            continue
        account, container = each.path
        answer = await containers.remove(sharder.store.proxy, account, container, ALONE if each.state == "returning" else None)
        # What is still in it long after is nobody's: it is a stray then.
        if answer.ok or answer.status == 404 or job.info["delete_timestamp"] < sharder.store.node.reclaim_before():
            await sharder.change(job, each, deleted=True)


async def retire(sharder: ContainerSharder, job: Job) -> None:
    """Shards that others have replaced long ago pass nothing on any more. They forget to whom they have given their names, too: those
    would be taken for shards of theirs."""
    before = sharder.store.node.reclaim_before()
    for each in await job.run(job.broker.shards.all):
        if not each.deleted or each.changed_at >= before or not each.name.startswith(PREFIX):
            continue
        children = await sharder.ranges_of(each)
        if children is None:
            continue                            # it is gone already, or cannot say
        if children:
            at = sharder.later(children)
            await sharder.delegate(each, [msgspec.structs.replace(r, deleted=True, changed_at=at) for r in children])
        account, container = each.path
        answer = await containers.remove(sharder.store.proxy, account, container, ALONE)
        sharder.did["retired"] += answer.ok


async def give_back(sharder: ContainerSharder, job: Job) -> None:
    """Have a shard that neither its container nor another shard knows give its rows to the container, whatever that has forgotten it
    for. When there is no container any more, and has not been for long, they are nobody's, and go."""
    own, root = job.name, (await job.run(job.broker.metadata)).get(ROOT, ("", ""))[0]
    if not root or not own.startswith(PREFIX) or job.broker.is_deleted(job.info):
        return
    container = ShardRange(name=root, state="created", changed_at=sharder.store.proxy.stamp())
    if await sharder.ranges_of(container, {ONLY: quote(own, errors="surrogateescape")}):
        return
    try:
        parents = await parents_of(sharder, job, container)
    except OSError:
        return                                  # somebody who cannot say may know it
    if any(r.name == own and not r.deleted for state in parents for r in state.shards):
        return
    before, ranges = sharder.store.node.reclaim_before(), await job.run(job.broker.shards.current)
    is_there = any(f"{state.info['account']}/{state.info['container']}" == root and not is_over(state, before) for state in parents)
    if is_there and not ranges and job.broker.max_row() >= 0:
        await job.run(job.broker.shards.merge, [container])
        sharder.did["given back"] += 1
    elif job.info["created_at"] < before and all(r.changed_at < before for r in ranges) and (not is_there or job.broker.max_row() < 0):
        await clear(sharder, job, before)


async def parents_of(sharder: ContainerSharder, job: Job, container: ShardRange) -> list[State]:
    """How the replicas are of a shard's container, and of the shard that made it. Raises OSError when one of them cannot say."""
    hashes = {sharder.store.hashing.hash(*container.path), job.info["container"].partition("-")[0]}
    ring, found = sharder.store.rings["container"], list[State]()
    for hash in sorted(hashes):
        part = partition(hash, ring.part_power)
        for node in ring.primaries(part):
            if (state := await sharder.look(node, f"/container/{node.device.device}/{part}/{hash}")) is not None:
                found.append(state)
    return found


def is_over(state: State, before: str) -> bool:
    """Whether a container was deleted long ago."""
    info = state.info
    return info["put_timestamp"] < info["delete_timestamp"] < before and not info["object_count"]


async def clear(sharder: ContainerSharder, job: Job, before: str) -> None:
    """Take a shard of no container away, with what is left in it when that is old."""
    live = "SELECT max(created_at) FROM object WHERE deleted=0"
    if ((await job.run(job.broker.all, live))[0][0] or "") >= before:
        return
    store, at = sharder.store, sharder.store.proxy.stamp()
    while rows := await job.run(job.broker.since_where, -1, 1000, "deleted=0", ()):
        gone = [{**row, "deleted": 1, "size": 0, "created_at": at, "ctype_at": at, "meta_at": at} for row in rows]
        if not await send_rows(store.transport, store.rings["container"], ShardRange(name=job.name, changed_at=at), gone, []):
            return
        await job.run(job.broker.merge, gone)
    for each in await job.run(job.broker.shards.current):
        await sharder.change(job, each, deleted=True)           # they would be taken for shards of its own
    answer = await containers.remove(store.proxy, job.info["account"], job.info["container"], ALONE)
    sharder.did["strays removed"] += answer.ok
