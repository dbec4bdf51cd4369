"""Which allocations would satisfy a request: pure, from a snapshot of all providers.

A request has groups. A named group gets all it asks for from one provider. The unnamed group may spread over the providers
of one tree and those that share with that tree; the traits it requires must be found on its providers taken together. Every
candidate is made for one tree, its *anchor*: all its providers are of that tree or share with it through an aggregate.
(Placement API, "GET /allocation_candidates"; Placement user guide, "Modeling with Provider Trees".)
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

import msgspec

from pileus.placement.forest import Forest, Node
from pileus.placement.model import Amounts


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of one provider (named) or of one tree (the unnamed group, suffix "")."""

    suffix: str = ""
    resources: dict[str, int] = {}
    required: tuple[frozenset[str], ...] = ()
    forbidden: frozenset[str] = frozenset()
    member_of: tuple[frozenset[str], ...] = ()
    not_member_of: frozenset[str] = frozenset()
    in_tree: str | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    groups: tuple[Group, ...]
    isolate: bool = False                   # group_policy: every named group gets a provider of its own
    limit: int | None = None
    root_required: frozenset[str] = frozenset()
    root_forbidden: frozenset[str] = frozenset()
    same_subtree: tuple[frozenset[str], ...] = ()
    nested: bool = True                     # whether the caller understands two providers of one tree


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """Allocations by provider, and which providers serve each group (one that asks for no resources has a provider too)."""

    allocations: Amounts
    mappings: dict[str, list[str]]

    @property
    def providers(self) -> set[str]:
        return set(self.allocations)


Nodes = dict[str, Node]
Part = tuple[str, Amounts]                  # which group is served by what


def candidates(forest: Forest, wanted: Wanted, most: int) -> list[Candidate]:
    """At most `most` (and `limit`) different candidates, tree by tree."""
    nodes, most = forest.nodes, min(most, wanted.limit or most)
    found: dict[bytes, Candidate] = {}
    for root_id in _anchors(forest, wanted):
        root, tree = nodes[root_id], list(forest.trees[root_id].values())
        if not wanted.root_required <= root.traits or wanted.root_forbidden & root.traits:
            continue
        guests = []
        if forest.sharing:
            aggregates = frozenset().union(*(n.aggregates for n in tree))
            guests = [s for s in forest.sharing.values() if s.provider.root_id != root_id and s.aggregates & aggregates]
        for candidate in _of_tree(root, tree, guests, wanted, nodes):
            found.setdefault(msgspec.json.encode(candidate, order="sorted"), candidate)
            if len(found) >= most:
                return list(found.values())
    return list(found.values())


def _anchors(forest: Forest, wanted: Wanted) -> Iterable[str]:
    """The roots of the trees that may do: those with the traits that are asked for, where few have them."""
    asked = [frozenset({trait}) for trait in wanted.root_required]
    for group in wanted.groups:
        asked += group.required
        if group.in_tree is not None and not forest.sharing:
            return [group.in_tree]
    roots = forest.roots_with(asked)
    return forest.trees if roots is None else [root for root in forest.trees if root in roots]


def _of_tree(root: Node, tree: list[Node], guests: list[Node], wanted: Wanted, nodes: Nodes) -> Iterator[Candidate]:
    if len(tree) == 1 and not guests and len(wanted.groups) == 1 and not wanted.groups[0].suffix and wanted.groups[0].resources:
        yield from _of_one(root, wanted.groups[0])
        return
    choices = [[(g.suffix, part) for part in (_named if g.suffix else _unnamed)(g, root, tree, guests)] for g in wanted.groups]
    if not all(choices):
        return
    for parts in _combinations(choices, wanted.isolate, nodes):
        candidate = _candidate(parts)
        if not wanted.nested and _two_of_one_tree(candidate, nodes):
            continue
        if all(_in_one_subtree({id for s in suffixes for id in candidate.mappings[s]}, nodes) for suffixes in wanted.same_subtree):
            yield candidate


def _of_one(node: Node, group: Group) -> Iterator[Candidate]:
    """What most clouds have: a provider without a tree, asked for everything."""
    if (group.in_tree in (None, node.id) and not group.forbidden & node.traits and not group.not_member_of & node.aggregates
            and joins(node, group) and all(any_of & node.traits for any_of in group.required) and node.has(group.resources)):
        yield Candidate(allocations={node.id: dict(group.resources)}, mappings={"": [node.id]})


def joins(node: Node, group: Group) -> bool:
    """Whether a provider is in an aggregate of each set that the group wants its providers in."""
    return all(any_of & node.aggregates for any_of in group.member_of)


def _named(group: Group, root: Node, tree: list[Node], guests: list[Node]) -> Iterator[Amounts]:
    """One provider for all of it."""
    for node in [*tree, *guests]:
        if group.forbidden & node.traits or group.not_member_of & node.aggregates or not joins(node, group):
            continue
        if group.in_tree is not None and node.provider.root_id != group.in_tree:
            continue
        if all(any_of & node.traits for any_of in group.required) and node.has(group.resources):
            yield {node.id: group.resources}


def _unnamed(group: Group, root: Node, tree: list[Node], guests: list[Node]) -> Iterator[Amounts]:
    """Each class from a provider of the tree, or one that shares with it. Aggregates of the root hold for its whole tree."""
    if group.in_tree is not None:
        if group.in_tree != root.id:
            return
        guests = []
    if group.not_member_of & root.aggregates:
        return
    usable = [n for n in tree if joins(n, group) or joins(root, group)] + [n for n in guests if joins(n, group)]
    usable = [n for n in usable if not group.forbidden & n.traits and not group.not_member_of & n.aggregates]
    options = [[n for n in usable if n.has({name: amount})] for name, amount in group.resources.items()]
    for chosen in product(*options):
        if all(any(any_of & n.traits for n in chosen) for any_of in group.required):
            part: Amounts = {}
            for node, (name, amount) in zip(chosen, group.resources.items(), strict=True):
                part.setdefault(node.id, {})[name] = amount
            yield part


def _combinations(choices: list[list[Part]], isolate: bool, nodes: Nodes) -> Iterator[list[Part]]:
    """One part per group that fit together. Gives up on a beginning as soon as it asks too much of a provider."""
    chosen: list[Part] = []
    asked: dict[tuple[str, str], int] = {}

    def fits(part: Part) -> bool:
        suffix, amounts = part
        if isolate and suffix and any(other and amounts.keys() & used.keys() for other, used in chosen):
            return False
        return all(nodes[id].stocks[name].takes(asked.get((id, name), 0) + amount)
                   for id, classes in amounts.items() for name, amount in classes.items())

    def ask(amounts: Amounts, sign: int) -> None:
        for id, classes in amounts.items():
            for name, amount in classes.items():
                asked[id, name] = asked.get((id, name), 0) + sign * amount

    def extend(depth: int) -> Iterator[list[Part]]:
        if depth == len(choices):
            yield chosen
            return
        for part in choices[depth]:
            if fits(part):
                chosen.append(part)
                ask(part[1], +1)
                yield from extend(depth + 1)
                ask(part[1], -1)
                chosen.pop()

    return extend(0)


def _candidate(parts: list[Part]) -> Candidate:
    merged: Amounts = {}
    for _, amounts in parts:
        for id, classes in amounts.items():
            for name, amount in classes.items():
                held = merged.setdefault(id, {})
                held[name] = held.get(name, 0) + amount
    return Candidate(allocations=merged, mappings={suffix: sorted(amounts) for suffix, amounts in parts})


def _two_of_one_tree(candidate: Candidate, nodes: Nodes) -> bool:
    return len({nodes[id].provider.root_id for id in candidate.allocations}) < len(candidate.allocations)


def _in_one_subtree(ids: set[str], nodes: Nodes) -> bool:
    """Whether one of the providers is an ancestor of (or is) all the others."""
    above = [_upwards(id, nodes) for id in ids]
    return any(all(id in line for line in above) for id in ids)


def _upwards(id: str, nodes: Nodes) -> set[str]:
    """The provider and its ancestors."""
    found = set()
    at: str | None = id
    while at is not None:
        found.add(at)
        at = nodes[at].provider.parent_id
    return found
