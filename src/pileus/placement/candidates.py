"""Which allocations would satisfy a request: pure, from a snapshot of all providers.

A request has groups. The unnamed group may spread its resources over the providers of one tree (and those that share with
it); a named group gets all of its from one provider. Traits required by the unnamed group must be found on the providers that
take part in it, taken together; those of a named group on its provider. (Placement API, "Allocation candidates", "Modeling with provider trees".)
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product

import msgspec

from pileus.placement.model import SHARING, Amounts, Provider, Stock


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
    isolate: bool = False                   # group_policy: named groups get providers of their own
    limit: int | None = None
    root_required: frozenset[str] = frozenset()
    root_forbidden: frozenset[str] = frozenset()
    same_subtree: tuple[frozenset[str], ...] = ()


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A provider with all that matters here."""

    provider: Provider
    stocks: dict[str, Stock]
    traits: frozenset[str]
    aggregates: frozenset[str]

    @property
    def id(self) -> str:
        return self.provider.id


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """Allocations by provider, and which providers serve each group."""

    allocations: Amounts
    mappings: dict[str, list[str]]


Part = dict[str, dict[str, int]]            # provider → class → amount


def candidates(nodes: list[Node], wanted: Wanted, most: int) -> list[Candidate]:
    """At most `most` (and `limit`) different candidates, tree by tree."""
    by_id = {n.id: n for n in nodes}
    trees: dict[str, list[Node]] = {}
    for node in nodes:
        trees.setdefault(node.provider.root_id, []).append(node)
    sharing = [n for n in nodes if SHARING in n.traits]
    found: list[Candidate] = []
    seen: set[bytes] = set()
    for root_id, tree in sorted(trees.items()):
        root = by_id.get(root_id)
        if root is None or not wanted.root_required <= root.traits or wanted.root_forbidden & root.traits:
            continue
        for candidate in _of_tree(tree, [s for s in sharing if s.provider.root_id != root_id], wanted, by_id):
            key = msgspec.json.encode([candidate.allocations, candidate.mappings], order="sorted")
            if key not in seen:
                seen.add(key)
                found.append(candidate)
            if len(found) >= min(most, wanted.limit or most):
                return found
    return found


def _of_tree(tree: list[Node], sharing: list[Node], wanted: Wanted, by_id: dict[str, Node]) -> Iterator[Candidate]:
    aggregates = frozenset().union(*(n.aggregates for n in tree))
    reach = [*tree, *(s for s in sharing if s.aggregates & aggregates)]
    choices = [list(islice(_parts(group, tree, reach, by_id), 4096)) for group in wanted.groups]
    for combination in product(*choices):
        named = [part for group, part in zip(wanted.groups, combination, strict=True) if group.suffix]
        if wanted.isolate and len({id for part in named for id in part}) < len(named):
            continue
        if not any(id in {n.id for n in tree} for part in combination for id in part):
            continue
        merged: Amounts = {}
        for part in combination:
            for id, classes in part.items():
                for name, amount in classes.items():
                    held = merged.setdefault(id, {})
                    held[name] = held.get(name, 0) + amount
        merged = {id: classes for id, classes in merged.items() if classes}
        if not all(by_id[id].stocks[name].has_room(amount) for id, classes in merged.items() for name, amount in classes.items()):
            continue
        mappings = {g.suffix: sorted(part) for g, part in zip(wanted.groups, combination, strict=True)}
        if all(_in_one_subtree({id for s in suffixes for id in mappings.get(s, ())}, by_id) for suffixes in wanted.same_subtree):
            yield Candidate(allocations=merged, mappings=mappings)


def _parts(group: Group, tree: list[Node], reach: list[Node], by_id: dict[str, Node]) -> Iterator[Part]:
    """The ways in which one group can be served from the providers within reach."""
    usable = [n for n in reach if _admits(n, group, by_id)]
    if group.suffix:
        for node in usable:
            if all(any_of & node.traits for any_of in group.required) and _has(node, group.resources):
                yield {node.id: dict(group.resources)}
        return
    options = [[n for n in usable if _has(n, {name: amount})] for name, amount in group.resources.items()]
    for nodes in product(*options):
        traits = frozenset().union(*(n.traits for n in nodes)) if nodes else frozenset()
        if not all(any_of & traits for any_of in group.required):
            continue
        part: Part = {}
        for node, (name, amount) in zip(nodes, group.resources.items(), strict=True):
            part.setdefault(node.id, {})[name] = amount
        yield part


def _admits(node: Node, group: Group, by_id: dict[str, Node]) -> bool:
    """Whether the group's conditions on single providers hold. Aggregates of the root count for the whole tree in the unnamed group."""
    if group.forbidden & node.traits:
        return False
    member = node.aggregates
    if not group.suffix and (root := by_id.get(node.provider.root_id)) is not None:
        member = member | root.aggregates
    if not all(any_of & member for any_of in group.member_of) or group.not_member_of & member:
        return False
    return group.in_tree is None or (group.in_tree in by_id and by_id[group.in_tree].provider.root_id == node.provider.root_id)


def _has(node: Node, resources: dict[str, int]) -> bool:
    return all(name in node.stocks and node.stocks[name].has_room(amount) for name, amount in resources.items())


def _in_one_subtree(ids: set[str], by_id: dict[str, Node]) -> bool:
    """Whether one of the providers is an ancestor of (or is) all the others."""

    def ancestors(id: str) -> Iterator[str]:
        at: str | None = id
        while at is not None:
            yield at
            at = by_id[at].provider.parent_id

    return not ids or any(all(top in set(ancestors(id)) for id in ids) for top in ids)
