"""Shards that are over: of containers that were deleted, and those that others have replaced."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pileus.object_store.model.shards import PREFIX
from pileus.object_store.proxy import container as containers

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
        answer = await containers.remove(sharder.store.proxy, *each.path, ALONE if each.state == "returning" else None)
        if answer.ok or answer.status == 404:
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
        answer = await containers.remove(sharder.store.proxy, *each.path, ALONE)
        sharder.did["retired"] += answer.ok
