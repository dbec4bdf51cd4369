"""Shards: containers that keep the rows of a part of another container's names. Pure.

A container with very many objects *delegates* ranges of its names to containers in a hidden account. A shard may delegate in turn:
to shards of its own when it grows, to a neighbour when it shrinks; its parent then replaces it by those. The last shard, when it is
small, delegates to the container itself, which then has no shards any more.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal

import msgspec

from pileus.object_store.model.timestamp import after

#: found: only an idea; created: the shard is there and rows go over to it; active: all replicas of the parent have handed theirs over;
#: shrinking: that goes over into a neighbour; returning: the parent takes it in again. The shard is asked until it is done.
State = Literal["found", "created", "active", "shrinking", "returning"]
#: States of ranges whose shards have everything.
WHOLE = ("active", "shrinking", "returning")
PREFIX = ".shards_"


class ShardRange(msgspec.Struct, frozen=True, kw_only=True):
    """Names behind `lower` up to and with `upper` (empty: without a bound), and the container that has their rows."""

    name: str                               # ACCOUNT/CONTAINER of the shard
    lower: str = ""
    upper: str = ""
    state: State = "found"
    goes_into: str = ""                      # ACCOUNT/CONTAINER that a shrinking or returning one goes over into
    changed_at: str                         # when anything above changed; the newest counts
    deleted: bool = False                   # others have its place
    object_count: int = 0
    bytes_used: int = 0
    counted_at: str = ""                    # when that was counted; the newest counts
    handed: bool = False                    # whether this replica's own rows of it are in the shard: each replica's own knowledge

    @property
    def path(self) -> tuple[str, str]:
        account, _, container = self.name.partition("/")
        return account, container

    @property
    def delegated(self) -> bool:
        """Whether the shard is asked instead of the own rows."""
        return not self.deleted and (self.handed or self.state in WHOLE)

    def has(self, name: str) -> bool:
        return self.lower < name and (not self.upper or name <= self.upper)


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a container's names, and who lists it: a shard, or the container itself."""

    lower: str
    upper: str
    shard: ShardRange | None = None


def spans(ranges: Iterable[ShardRange]) -> list[Span]:
    """All names in order: what is delegated, and between that what is not."""
    delegated = [r for r in ranges if r.delegated]
    return sorted([*owned(delegated), *gaps(delegated)], key=lambda span: span.lower)


def owned(ranges: Iterable[ShardRange]) -> list[Span]:
    """The names that ranges have, in order. Where ranges overlap, which happens when two choose where to cut and neither knows of the
    other, the one with the smaller name has them: of two cuts the older."""
    ordered = sorted(ranges, key=lambda r: (r.lower, r.name))
    if all(before.upper and before.upper <= after.lower for before, after in pairwise(ordered)):
        return [Span(lower=r.lower, upper=r.upper, shard=r) for r in ordered]
    found: list[Span] = []
    bounds = sorted({r.lower for r in ordered} | {r.upper for r in ordered if r.upper})
    for lower, upper in pairwise([*bounds, ""]):
        having = [r for r in ordered if r.lower <= lower and (not r.upper or (upper and upper <= r.upper))]
        owner = min(having, key=lambda r: r.name, default=None)
        if owner is None:
            continue
        if found and found[-1].shard is owner and found[-1].upper == lower:
            found[-1] = Span(lower=found[-1].lower, upper=upper, shard=owner)
        else:
            found.append(Span(lower=lower, upper=upper, shard=owner))
    return found


def lost(ranges: Sequence[ShardRange]) -> list[tuple[ShardRange, list[ShardRange]]]:
    """The ranges of which others have names, each with those who have them and what of it."""
    found = []
    for each in ranges:
        parts = [msgspec.structs.replace(span.shard, lower=bounds[0], upper=bounds[1]) for span in owned(ranges)
                 if span.shard is not None and span.shard.name != each.name and (bounds := clipped(span, each)) is not None]
        if parts:
            found.append((each, parts))
    return found


def merged(known: ShardRange | None, told: ShardRange) -> ShardRange:
    """Of both what is newer; `handed` stays one's own, of the names that it was said of."""
    if known is None:
        # What nobody has counted yet is the sum of what a replica itself has handed over.
        return msgspec.structs.replace(told, handed=False, **({} if told.counted_at else {"object_count": 0, "bytes_used": 0}))
    newer = told if (told.changed_at, told.deleted) > (known.changed_at, known.deleted) else known
    counted = told if told.counted_at > known.counted_at else known
    return msgspec.structs.replace(newer, object_count=counted.object_count, bytes_used=counted.bytes_used, counted_at=counted.counted_at,
                                   handed=known.handed and within(newer, known))


def within(one: ShardRange, other: ShardRange) -> bool:
    """Whether the other range has all names of this one."""
    return other.lower <= one.lower and (not other.upper or bool(one.upper and one.upper <= other.upper))


def gaps(ranges: Iterable[ShardRange]) -> list[Span]:
    """The names that no range has."""
    found: list[Span] = []
    at = ""
    for each in owned(ranges):
        if each.lower > at:
            found.append(Span(lower=at, upper=each.lower))
        if not each.upper:
            return found
        at = each.upper
    return [*found, Span(lower=at, upper="")]


def later(known: Iterable[ShardRange], at: str) -> str:
    """A moment after all that is known, and not before `at`."""
    return max(at, *(after(r.changed_at) for r in known))


def covers(ranges: Sequence[ShardRange]) -> bool:
    """Whether ranges of which the shards have everything have every name."""
    return bool(ranges) and all(span.shard is not None and span.shard.state in WHOLE for span in spans(ranges))


def clipped(child: ShardRange | Span, parent: ShardRange) -> tuple[str, str] | None:
    """The bounds of a shard's shard within that shard's own; None when nothing is left."""
    lower = max(child.lower, parent.lower)
    upper = min((u for u in (child.upper, parent.upper) if u), default="")
    return (lower, upper) if not upper or lower < upper else None
