"""Rules as data, and as text for `nft -f -`. Pure.

Every text is one transaction: it takes effect as a whole or not at all, and no packet meets half of it. `whole` replaces
tables, whatever they were; `delta` changes only what differs between two rule sets, which is what keeps one more port on a
host with a thousand cheap. An empty chain, named after a digest of all, tells later whether the kernel still has these rules.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping

import msgspec


class Chain(msgspec.Struct, frozen=True):
    """With a hook ("filter hook forward priority -200") a base chain, which accepts what no rule decides."""

    rules: tuple[str, ...]
    hook: str = ""


class Set(msgspec.Struct, frozen=True):
    """A named set, or with values a map. Elements of intervals must not overlap: nft refuses those."""

    type: str                               # "type ifname", "type ipv4_addr : ipv4_addr", …
    elements: Mapping[str, str]             # key → value; of a set, all values are empty
    interval: bool = False

    @property
    def kind(self) -> str:
        return "map" if ":" in self.type else "set"


class Table(msgspec.Struct, frozen=True, kw_only=True):
    family: str
    name: str
    chains: dict[str, Chain] = {}
    sets: dict[str, Set] = {}


class Rules(msgspec.Struct, frozen=True):
    """All tables of one cloud in one namespace. No tables: nothing of that cloud is there."""

    tables: tuple[Table, ...] = ()

    def digest(self) -> str:
        return "digest_" + hashlib.sha256("".join(map(_body, self.tables)).encode()).hexdigest()[:24]


def whole(rules: Rules, gone: Iterable[tuple[str, str]] = ()) -> str:
    """Text that makes the tables be just this, whatever they are now; and those that are `gone`, (family, name), not be."""
    parts = [f"table {family} {name}\ndelete table {family} {name}\n" for family, name in gone]
    for table in rules.tables:
        where = f"{table.family} {table.name}"
        parts.append(f"table {where}\ndelete table {where}\ntable {where} {{\n{_body(table)}}}\n")
    if rules.tables:
        parts.append(f"add chain {_signed(rules)} {rules.digest()}\n")
    return "".join(parts)


def delta(before: Rules, after: Rules) -> str:
    """Text that makes `before`, which is loaded, into `after`. They have to be compatible."""
    lines = [line for old, new in zip(before.tables, after.tables, strict=True) for line in _changes(old, new)]
    signature = _signed(after)
    return "\n".join((f"delete chain {signature} {before.digest()}", *lines, f"add chain {signature} {after.digest()}", ""))


def compatible(before: Rules, after: Rules) -> bool:
    """Whether `delta` can lead from one to the other: the same tables, and what has the same name is of the same nature."""
    if [(table.family, table.name) for table in before.tables] != [(table.family, table.name) for table in after.tables]:
        return False
    return before.tables != () and all(
        {name: _hook(one) for name, one in old.chains.items() if name in new.chains}
        == {name: _hook(one) for name, one in new.chains.items() if name in old.chains}
        and {name: _declared(one) for name, one in old.sets.items() if name in new.sets}
        == {name: _declared(one) for name, one in new.sets.items() if name in old.sets}
        for old, new in zip(before.tables, after.tables, strict=True)
    )


def _signed(rules: Rules) -> str:
    """The table with the chain that tells of the rules: the last."""
    return f"{rules.tables[-1].family} {rules.tables[-1].name}"


def _body(table: Table) -> str:
    return "".join([
        *(f"  {one.kind} {name} {{\n{_declared(one)}{_initial(one)}  }}\n" for name, one in table.sets.items()),
        *(f"  chain {name} {{\n{_hook(one)}" + "".join(f"    {rule}\n" for rule in one.rules) + "  }\n"
          for name, one in table.chains.items()),
    ])  # fmt: skip


def _declared(one: Set) -> str:
    return f"    {one.type};{' flags interval;' if one.interval else ''}\n"


def _initial(one: Set) -> str:
    return f"    elements = {{ {_elements(one.elements)} }};\n" if one.elements else ""


def _hook(one: Chain) -> str:
    return f"    type {one.hook}; policy accept;\n" if one.hook else ""


def _elements(elements: Mapping[str, str]) -> str:
    return ", ".join(f"{key} : {value}" if value else key for key, value in elements.items())


def _changes(old: Table, new: Table) -> Iterator[str]:
    """What is new first, then what refers to it, then what is no longer referred to."""
    where = f"{new.family} {new.name}"
    for name, one in new.sets.items():
        if name not in old.sets:
            yield f"add {one.kind} {where} {name} {{ {_declared(one).strip()} }}"
    for name, chain in new.chains.items():
        if name not in old.chains:
            yield f"add chain {where} {name}" + (f" {{ {_hook(chain).strip()} }}" if chain.hook else "")
    for name, one in new.sets.items():
        yield from _element_changes(where, name, old.sets.get(name) or Set(one.type, {}, one.interval), one)
    changed = [name for name, chain in new.chains.items() if name not in old.chains or old.chains[name].rules != chain.rules]
    gone = [name for name in old.chains if name not in new.chains]
    yield from (f"flush chain {where} {name}" for name in (*changed, *gone) if name in old.chains)
    yield from (f"add rule {where} {name} {rule}" for name in changed for rule in new.chains[name].rules)
    yield from (f"delete chain {where} {name}" for name in gone)
    yield from (f"delete {one.kind} {where} {name}" for name, one in old.sets.items() if name not in new.sets)


def _element_changes(where: str, name: str, old: Set, new: Set) -> Iterator[str]:
    less = {key: value for key, value in old.elements.items() if new.elements.get(key) != value}
    more = {key: value for key, value in new.elements.items() if old.elements.get(key) != value}
    if new.interval and (less or more):
        yield f"flush {new.kind} {where} {name}"            # neighbours of an interval take part in its removal
        more = dict(new.elements)
    elif less:
        yield f"delete element {where} {name} {{ {_elements(less)} }}"
    if more:
        yield f"add element {where} {name} {{ {_elements(more)} }}"


def members(values: Iterable[str]) -> str:
    """An anonymous set; of one member, just that, which is cheaper to load and to match."""
    listed = list(values)
    return listed[0] if len(listed) == 1 else "{ " + ", ".join(listed) + " }"


def quoted(names: Iterable[str]) -> dict[str, str]:
    """Device names as the elements of a set."""
    return {f'"{name}"': "" for name in sorted(names)}
