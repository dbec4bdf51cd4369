"""`pileus object-store shard-ranges …`: the shards of one container, by its database, as `swift-manage-shard-ranges` does it.

What is changed in the first replica's database (that of the first device of the container's partition) is told to the others by the
sharder. Nothing here moves rows: it says where to cut, and whether the sharder is to do it.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from pileus.core.clock import Clock
from pileus.object_store.daemons.sharder import ENABLED, ranges
from pileus.object_store.model.shards import PREFIX, ShardRange, lost
from pileus.object_store.model.timestamp import Stamper
from pileus.object_store.storage.database.container import ContainerBroker


class Refused(Exception):
    """What was asked for must not be done now."""


def find(database: Path, rows: int = 500_000, *, minimum: int = 0) -> int:
    """Say where the container would be cut.

    Parameters
    ----------
    rows
        Objects of each shard.
    minimum
        Objects that the last shard has at least; a fifth of the others' when not given.
    """
    return on(database, lambda broker: found(broker, rows, minimum))


def replace(database: Path, file: Path) -> int:
    """Take the cuts of a file that `find` has written; the sharder makes shards of them once it is enabled."""
    def act(broker: ContainerBroker) -> str:
        cuts = [each["upper"] for each in msgspec.json.decode(file.read_bytes(), type=list[dict[str, Any]]) if each["upper"]]
        if cuts != sorted(set(cuts)):
            raise Refused(f"{file}: the upper bounds are not in order")
        return put(broker, cuts)

    return on(database, act)


def find_and_replace(database: Path, rows: int = 500_000, *, minimum: int = 0, enable: bool = False) -> int:
    """Choose where to cut and have it so.

    Parameters
    ----------
    enable
        Have the sharder begin.
    """
    def act(broker: ContainerBroker) -> str:
        said = put(broker, broker.shards.cuts(rows, minimum or max(1, rows // 5)))
        return f"{said}\n{set_enabled(broker)}" if enable else said

    return on(database, act)


def show(database: Path, *, includes: str = "") -> int:
    """The container's shards.

    Parameters
    ----------
    includes
        Only the one that has this object.
    """
    def act(broker: ContainerBroker) -> str:
        current = [r for r in broker.shards.current() if not includes or r.has(includes)]
        return msgspec.json.format(msgspec.json.encode(current), indent=2).decode() if current else "No shard ranges."

    return on(database, act)


def info(database: Path) -> int:
    """How far the container's sharding has come, on this replica."""
    def act(broker: ContainerBroker) -> str:
        about, current = broker.info(), broker.shards.current()
        counts = ", ".join(f"{state}: {sum(r.state == state for r in current)}" for state in ("found", "created", "active"))
        return "\n".join([f"container: {about['account']}/{about['container']}", f"objects: {about['object_count']}",
                          f"own rows: {broker.all('SELECT count(*) FROM object')[0][0]}",
                          f"enabled: {broker.metadata().get(ENABLED, ('', ''))[0] or 'no'}", f"shards: {counts}",
                          f"handed over: {sum(r.handed for r in current)}",
                          f"overlapping, to be settled by the sharder: {len(lost(current))}"])

    return on(database, act)


def enable(database: Path) -> int:
    """Have the sharder make shards of the ranges that were chosen, or choose them when the container is large enough."""
    return on(database, set_enabled)


def delete(database: Path) -> int:
    """Forget ranges that were chosen, as long as no shard has been made of any."""
    def act(broker: ContainerBroker) -> str:
        current = broker.shards.current()
        if any(r.state != "found" for r in current):
            raise Refused("shards have been made of these ranges already")
        stamp = Stamper(Clock())
        broker.shards.merge([msgspec.structs.replace(r, deleted=True, changed_at=stamp()) for r in current])
        return f"{len(current)} ranges forgotten"

    return on(database, act)


def on(database: Path, act: Callable[[ContainerBroker], str]) -> int:
    """Say what was done; 1 when it was not."""
    if not database.is_file():
        print(f"{database}: no such file", file=sys.stderr)
        return 1
    try:
        broker = ContainerBroker(database)
        try:
            print(act(broker))
        finally:
            broker.close()
    except (Refused, sqlite3.Error, msgspec.DecodeError, OSError, KeyError) as problem:
        print(f"{database}: {problem}", file=sys.stderr)
        return 1
    return 0


def found(broker: ContainerBroker, rows: int, minimum: int) -> str:
    bounds = ["", *broker.shards.cuts(rows, minimum or max(1, rows // 5)), ""]
    if len(bounds) == 2:
        raise Refused(f"has too few objects to be cut into parts of {rows}")
    count = "SELECT count(*) FROM object WHERE deleted=0 AND name > ? AND (? = '' OR name <= ?)"
    parts = [{"index": n, "lower": lower, "upper": upper, "object_count": broker.all(count, (lower, upper, upper))[0][0]}
             for n, (lower, upper) in enumerate(pairwise(bounds))]
    return msgspec.json.format(msgspec.json.encode(parts), indent=2).decode()


def put(broker: ContainerBroker, cuts: list[str]) -> str:
    if broker.shards.current():
        raise Refused("has shard ranges already")
    if not cuts:
        raise Refused("has too few objects to be cut")
    about = broker.info()
    account = about["account"] if about["account"].startswith(PREFIX) else PREFIX + about["account"]
    chosen: list[ShardRange] = ranges(account, Path(broker.path).stem, Stamper(Clock())(), cuts)
    broker.shards.merge(chosen)
    return f"{len(chosen)} ranges"


def set_enabled(broker: ContainerBroker) -> str:
    broker.update_metadata({ENABLED: ("True", Stamper(Clock())())})
    return "the sharder does the rest"
