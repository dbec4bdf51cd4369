"""What the files of one object mean together. Pure.

A folder per object holds files named by timestamps: `T.data` (a body and its metadata), `T.ts` (it was deleted), `T.meta`
(its metadata was replaced; `T~C.meta`: and its content type at C). What is newest counts; all else is obsolete, except that
the newest content type may be in another file than the newest metadata.

A fragment of an object that is coded is `T#INDEX.data`, and `T#INDEX#d.data` once enough of its siblings are known to be there
(it is durable). One that is not durable counts beside what it may replace: whether it will is not known yet.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

#: A body that is no fragment.
WHOLE = re.compile(r"[^#]{16,}\.data")


class History(msgspec.Struct, frozen=True, kw_only=True):
    """The files that count, by name, and those that do not."""

    data: str | None = None
    others: tuple[str, ...] = ()            # fragments besides `data`: of the same moment, or newer and not durable
    tombstone: str | None = None
    meta: str | None = None                 # newer than the data
    ctype: str | None = None                # the meta file with the newest content type, when that is another one
    obsolete: tuple[str, ...] = ()

    @property
    def timestamp(self) -> str | None:
        """When it was put or deleted; None when nothing is known of it."""
        name = self.data or self.tombstone
        return data_time(name) if name else None

    @property
    def counting(self) -> list[str]:
        """The names of the files that count."""
        return [n for n in (self.data, *self.others, self.tombstone, self.meta, self.ctype) if n]

    @property
    def newest(self) -> str | None:
        """When anything about it changed last."""
        times = [data_time(n) for n in self.counting]
        return max(times) if times else None


def data_time(name: str) -> str:
    return name.partition(".")[0] + "." + name.partition(".")[2].partition(".")[0].partition("~")[0].partition("#")[0]


def fragment_name(timestamp: str, index: int, *, durable: bool) -> str:
    return f"{timestamp}#{index}#d.data" if durable else f"{timestamp}#{index}.data"


def fragment(name: str) -> tuple[str, int, bool] | None:
    """Timestamp, index, and whether it is durable; None for a file that is no fragment."""
    timestamp, _, marks = name.removesuffix(".data").partition("#")
    index, _, durable = marks.partition("#")
    return (timestamp, int(index), durable == "d") if name.endswith(".data") and index.isdigit() else None


def ctype_time(name: str) -> str:
    """When a meta file's content type was given; empty when it has none."""
    return name.removesuffix(".meta").partition("~")[2]


def resolve(names: Iterable[str], *, reclaim_before: str = "") -> History:
    """Which files count. Tombstones from before `reclaim_before` are obsolete: every replica has seen them."""
    names = list(names)
    if len(names) == 1 and WHOLE.fullmatch(names[0]):
        return History(data=names[0])               # most objects are that
    by_kind: dict[str, list[str]] = {"data": [], "ts": [], "meta": []}
    obsolete: list[str] = []
    sidecars: list[str] = []
    for name in sorted(names, reverse=True):
        kind = name.rpartition(".")[2]
        if kind == "attrs":
            sidecars.append(name)
        elif kind in by_kind and len(name) > 16:
            by_kind[kind].append(name)
    gone = by_kind["ts"][0] if by_kind["ts"] else None
    whole, others = _bodies(by_kind["data"])
    body = whole[0] if whole else None
    if gone and body:
        if data_time(body) > data_time(gone):
            gone = None
        else:
            body = None
    since = data_time(body) if body else data_time(gone) if gone else ""
    others = [n for n in whole[1:] + others if (body and data_time(n) == since) or since < data_time(n) >= reclaim_before]
    metas = [m for m in by_kind["meta"] if data_time(m) > since] if not gone else []
    metas.sort(key=data_time, reverse=True)
    meta = metas[0] if metas else None
    typed = max((m for m in metas if ctype_time(m) > since), key=ctype_time, default=None)
    ctype = typed if typed and meta and ctype_time(typed) > ctype_time(meta) else None
    if gone and data_time(gone) < reclaim_before:
        obsolete.append(gone)
        gone = None
    counting = {n for n in (gone, body, meta, ctype, *others) if n}
    obsolete += [n for kind in by_kind.values() for n in kind if n not in counting and n not in obsolete]
    obsolete += [n for n in sidecars if n.removesuffix(".attrs") not in counting]
    return History(data=body, others=tuple(others), tombstone=gone, meta=meta, ctype=ctype, obsolete=tuple(obsolete))


def _bodies(names: list[str]) -> tuple[list[str], list[str]]:
    """Bodies that are as good as they will get, newest first: whole ones and durable fragments; then the other fragments, without
    those that are there as durable ones, too."""
    sure = [n for n in names if "#" not in n or n.endswith("#d.data")]
    sure.sort(key=data_time, reverse=True)
    known = {n.removesuffix("#d.data") for n in sure}
    return sure, [n for n in names if n not in sure and n.removesuffix(".data") not in known]
