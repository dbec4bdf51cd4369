"""Objects that no container lists: nobody can find them by a listing, and nothing ever deletes them.

They come about when a device was away for longer than deletions are remembered, or by hand. The auditor looks at each object
that is old enough for every listing to know of it. Dark is only what all replicas of the container have answered for: one that is silent
might know it.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from pileus.core.log import Log
from pileus.object_store.model.timestamp import seconds
from pileus.object_store.proxy.ask import one
from pileus.object_store.ring.device import Node
from pileus.object_store.storage.object.files import Files, Missing
from pileus.object_store.wire.message import ALLOWS_RESERVED, Request

if TYPE_CHECKING:
    from pileus.object_store.daemons.daemon import Daemon

log = Log("pileus.object_store.dark_data")


async def watch(daemon: Daemon, run, files: Files, part: int, hash: str) -> None:
    """Look whether an object is listed; do what is configured if it is not."""
    config = daemon.store.config.dark_data
    try:
        found = await run(files.open, part, hash)
    except Missing:
        return
    found.close()
    if daemon.store.clock.now().timestamp() - seconds(found.timestamp) < config.grace_s:
        return
    _, account, container, obj = found.metadata["name"].split("/", 3)
    if not await is_dark(daemon, account, container, obj):
        return
    daemon.did["dark"] += 1
    log.warning("no container lists an object", path=found.metadata["name"], hash=hash)
    if config.action == "quarantine":
        await run(files.quarantine, part, hash, "no container lists it")
    elif config.action == "delete":
        # As of then: whatever was put since stays.
        await run(files.delete, part, hash, found.timestamp)


async def is_dark(daemon: Daemon, account: str, container: str, obj: str) -> bool:
    """Whether all replicas of the container have said that they do not list it."""
    proxy = daemon.store.proxy
    ring, path = proxy.rings["container"], f"/{account}/{container}"
    part = ring.partition(account, container)

    async def lacks(node: Node) -> bool:
        req = Request("GET", path, query=urlencode({"prefix": obj, "limit": 1}, errors="surrogateescape"))
        answer = await one(proxy, "container", node, part, req, path, {ALLOWS_RESERVED: "true"})
        rows = msgspec.json.decode(await answer.read()) if answer.ok else []
        return answer.status == 404 or (answer.ok and not any(row["name"] == obj for row in rows))

    for node in ring.primaries(part):
        if not await lacks(node):
            return False
    return True
