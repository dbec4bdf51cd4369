"""All providers as candidates are made of them: trees by their roots, and who has which trait. Pure; changed one by one."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from pileus.placement.model import SHARING, Provider, Stock


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A provider with all that matters here."""

    provider: Provider
    stocks: dict[str, Stock]
    traits: frozenset[str]
    aggregates: frozenset[str]

    @property
    def id(self) -> str:
        return self.provider.id

    def has(self, resources: Mapping[str, int]) -> bool:
        return all(name in self.stocks and self.stocks[name].has_room(amount) for name, amount in resources.items())


class Forest:
    """What stays true: `trees` has the nodes of each root in the order they came, `sharing` and `with_trait` are theirs."""

    def __init__(self, nodes: Iterable[Node] = ()):
        self.nodes: dict[str, Node] = {}
        self.trees: dict[str, dict[str, Node]] = {}
        self.sharing: dict[str, Node] = {}
        self.with_trait: dict[str, set[str]] = {}
        for node in nodes:
            self.put(node)

    def put(self, node: Node) -> None:
        """Add a provider, or replace what is known of it."""
        old = self.nodes.get(node.id)
        if old is not None and (old.provider.root_id != node.provider.root_id or old.traits != node.traits):
            self.drop(node.id)
        self.nodes[node.id] = node
        self.trees.setdefault(node.provider.root_id, {})[node.id] = node
        for trait in node.traits:
            self.with_trait.setdefault(trait, set()).add(node.id)
        if SHARING in node.traits:
            self.sharing[node.id] = node

    def drop(self, id: str) -> None:
        """Forget a provider. An absent one is already forgotten."""
        node = self.nodes.pop(id, None)
        if node is None:
            return
        tree = self.trees[node.provider.root_id]
        del tree[id]
        if not tree:
            del self.trees[node.provider.root_id]
        for trait in node.traits:
            self.with_trait[trait].discard(id)
        self.sharing.pop(id, None)

    def roots_with(self, wanted: Iterable[frozenset[str]]) -> set[str] | None:
        """The roots of trees that have one of each set of traits in one of their providers or in one that shares with them;
        None: any. Some of them may still not do."""
        found: set[str] | None = None
        for any_of in wanted:
            having = set().union(*(self.with_trait.get(trait, ()) for trait in any_of))
            if having & self.sharing.keys():
                continue                            # it may come from elsewhere
            roots = {self.nodes[id].provider.root_id for id in having}
            found = roots if found is None else found & roots
        return found
