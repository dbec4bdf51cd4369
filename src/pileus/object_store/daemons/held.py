"""Daemons that work through databases: of accounts or of containers, one after another, on the devices of this server."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from pileus.object_store.daemons.daemon import Daemon
from pileus.object_store.ring.device import Node
from pileus.object_store.storage.database.broker import Absent, Broker

B = TypeVar("B", bound=Broker)


class Held(msgspec.Struct, Generic[B], frozen=True, kw_only=True):
    """One replica of a database on one of the own devices. `leads`: it is the first of those that hold it; `others`: the rest."""

    broker: B
    run: Callable[..., Any]
    hash: str
    part: int
    info: dict[str, Any]
    leads: bool
    others: list[Node]

    @property
    def name(self) -> str:
        """ACCOUNT/CONTAINER; of an account's, the account and a slash."""
        return f"{self.info['account']}/{self.info['container']}"


class DatabaseDaemon(Daemon, Generic[B]):
    """Subclasses say what is to be done with a database."""

    kind: ClassVar[str]
    leading: ClassVar[bool] = True          # one of those that hold a database is enough

    async def work(self) -> None:
        ring = self.store.rings[self.kind]
        databases: Any = self.store.node.accounts if self.kind == "account" else self.store.node.containers
        for device, root in self.own_devices(ring):
            run = self.store.node.devices.threads_of(device.device).run
            for part, hash in await run(databases.listed, root):
                primaries = ring.primaries(part) if part < ring.partitions else []
                leads = bool(primaries) and primaries[0].device.id == device.id
                if not primaries or (self.leading and not leads):
                    continue
                async with self.piece():
                    try:
                        broker = await run(databases.get, root, part, hash)
                    except Absent:
                        continue
                    await self.database(Held(broker=broker, run=run, hash=hash, part=part, info=await run(broker.info), leads=leads,
                                             others=[n for n in primaries if n.device.id != device.id]))

    async def database(self, held: Held[B]) -> None:
        raise AssertionError("each daemon does something else with a database")
