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
from typing import Any, get_args

import msgspec

from pileus.core.clock import Clock
from pileus.object_store.config import ShardingConfig
from pileus.object_store.daemons import sharder
from pileus.object_store.daemons.shard_shrinking import candidates
from pileus.object_store.daemons.sharder import ENABLED
from pileus.object_store.model.shards import PREFIX, ShardRange, State, gaps, later, lost
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


def show(database: Path, *, includes: str = "", state: str = "") -> int:
    """The container's shards.

    Parameters
    ----------
    includes
        Only the one that has this object.
    state
        Only those in this state: found, created, active, shrinking or returning.
    """
    def act(broker: ContainerBroker) -> str:
        current = [r for r in broker.shards.current() if (not includes or r.has(includes)) and state in ("", r.state)]
        return msgspec.json.format(msgspec.json.encode(current), indent=2).decode() if current else "No shard ranges."

    return on(database, act)


def info(database: Path) -> int:
    """How far the container's sharding has come, on this replica."""
    def act(broker: ContainerBroker) -> str:
        about, current = broker.info(), broker.shards.current()
        counts = ", ".join(f"{state}: {sum(r.state == state for r in current)}" for state in get_args(State))
        return "\n".join([f"container: {about['account']}/{about['container']}", f"objects: {about['object_count']}",
                          f"own rows: {broker.all('SELECT count(*) FROM object')[0][0]}",
                          f"enabled: {broker.metadata().get(ENABLED, ('', ''))[0] or 'no'}", f"shards: {counts}",
                          f"handed over: {sum(r.handed for r in current)}",
                          f"overlapping: {len(lost(current))}", f"gaps: {len(gaps(current)) if current else 0}"])

    return on(database, act)


def analyze(database: Path) -> int:
    """Names that two shards have, or none, and shards that are on their way somewhere; 1 when something has to be repaired."""
    broken: list[str] = []

    def act(broker: ContainerBroker) -> str:
        current = broker.shards.current()
        broken.extend([*_overlaps(current), *_gaps(current)])
        moving = [f"on its way: {r.name} {r.state}{r.goes_into and ' into '}{r.goes_into}" for r in current if r.state != "active"]
        return "\n".join([*broken, *moving]) or ("All names have one shard." if current else "No shard ranges.")

    return on(database, act) or int(bool(broken))


def repair(database: Path, *, dry_run: bool = False) -> int:
    """Fill what no shard has, and have the sharder do it. What two shards have it settles by itself.

    Parameters
    ----------
    dry_run
        Only say what would be done.
    """
    def act(broker: ContainerBroker) -> str:
        current = broker.shards.current()
        missing = _gaps(current)
        if missing and not dry_run:
            broker.shards.merge(sharder.found(_account(broker), Path(broker.path).stem, Stamper(Clock())(), gaps(current)))
            set_enabled(broker)
        said = [f"{'would be' if dry_run else 'will be'} filled: {line}" for line in missing]
        return "\n".join(said + [f"the sharder settles: {line}" for line in _overlaps(current)]) or "nothing to repair"

    return on(database, act)


def compact(database: Path, *, shrink_below: int = 100_000, merge_below: int = 750_000, dry_run: bool = False) -> int:
    """Have small shards go over into their neighbours, and a small last one back into the container.

    Parameters
    ----------
    shrink_below
        Objects below which a shard is small.
    merge_below
        Unless both together have more than this.
    dry_run
        Only say what would be done.
    """
    def act(broker: ContainerBroker) -> str:
        current, about = broker.shards.current(), broker.info()
        if about["account"].startswith(PREFIX):
            raise Refused("is a shard: its container decides")
        if any(r.state != "active" for r in current) or lost(current) or (current and gaps(current)):
            raise Refused("its shards are not settled; see analyze")
        config = ShardingConfig(shrink_below=shrink_below, merge_below=merge_below, threshold=merge_below + 1)
        chosen = candidates(current, f"{about['account']}/{about['container']}", config)
        if not dry_run:
            broker.shards.merge([msgspec.structs.replace(r, changed_at=later([r], Stamper(Clock())()), **how) for r, how in chosen])
        return "\n".join(f"{r.name} goes into {how['goes_into']}" for r, how in chosen) or "nothing is small enough"

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
    chosen = sharder.found(_account(broker), Path(broker.path).stem, Stamper(Clock())(), sharder.spans_of(cuts))
    broker.shards.merge(chosen)
    return f"{len(chosen)} ranges"


def _account(broker: ContainerBroker) -> str:
    account = broker.info()["account"]
    return account if account.startswith(PREFIX) else PREFIX + account


def _overlaps(current: list[ShardRange]) -> list[str]:
    return [f"overlap: {part.name} has names of {each.name}, from {part.lower!r} to {part.upper or 'the end'!r}"
            for each, parts in lost(current) for part in parts]


def _gaps(current: list[ShardRange]) -> list[str]:
    return [f"gap: from {span.lower!r} to {span.upper or 'the end'!r}" for span in gaps(current)] if current else []


def set_enabled(broker: ContainerBroker) -> str:
    broker.update_metadata({ENABLED: ("True", Stamper(Clock())())})
    return "the sharder does the rest"
