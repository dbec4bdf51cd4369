"""What a store within a cloud's process does from time to time: its daemons, as periodic tasks."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Awaitable, Callable

from pileus.core.periodic import Periodic
from pileus.object_store.daemons import DAEMONS
from pileus.object_store.service import ObjectStore


def _task(name: str) -> Callable[[ObjectStore], Awaitable[str]]:
    async def run(store: ObjectStore) -> str:
        did = await DAEMONS[name](store, polite=True).run_once()
        return ", ".join(f"{what} {count}" for what, count in did.items())

    run.__name__ = name.replace("-", "_")
    return run


#: Counts reach accounts soon, because clients look at them. One process heals less than a cluster: what reads everything is rare.
PERIODIC = [
    Periodic(_task("container-updater"), every_s=30),
    Periodic(_task("object-updater"), every_s=60),
    Periodic(_task("object-expirer"), every_s=60),
    Periodic(_task("container-sharder"), every_s=300),
    Periodic(_task("object-lifecycle"), every_s=3600),
    Periodic(_task("container-sync"), every_s=300),
    Periodic(_task("account-reaper"), every_s=600),
    Periodic(_task("object-replicator"), every_s=3600),
    Periodic(_task("object-reconstructor"), every_s=3600),
    Periodic(_task("container-replicator"), every_s=3600),
    Periodic(_task("container-reconciler"), every_s=3600),
    Periodic(_task("account-replicator"), every_s=3600),
    Periodic(_task("object-auditor"), every_s=43_200),
    Periodic(_task("container-auditor"), every_s=43_200),
    Periodic(_task("account-auditor"), every_s=43_200),
]
