"""What placement does: `providers.py` what there is, `claims.py` who holds it, `names.py` what traits and classes are called."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.core.kit import Kit
from pileus.placement.candidates import Candidate, Group, Nodes, Wanted, candidates
from pileus.placement.config import PlacementConfig
from pileus.placement.errors import ReshapedProviderUnknown
from pileus.placement.model import Claim, Inventory
from pileus.placement.service.claims import Claims
from pileus.placement.service.forest import Keeper
from pileus.placement.service.names import Names
from pileus.placement.service.providers import Providers

__all__ = ["Placement"]


class Placement(Providers, Claims, Names):
    def __init__(self, kit: Kit, config: PlacementConfig):
        Providers.__init__(self, kit)
        Claims.__init__(self, kit)
        Names.__init__(self, kit)
        self.config = config
        self._keeper = Keeper(kit, self.providers, self.stocks)

    async def start(self) -> None:
        """Nothing to take up: all is in the database."""

    async def reshape(self, inventories: dict[str, tuple[int, dict[str, Inventory]]], claims: list[Claim]) -> None:
        """Set inventories (provider → generation and classes) and allocations at once, so that capacity may move between providers.

        New classes come first and old ones go last, for the allocations that move from these to those."""
        async with self.kit.db.transaction():
            for id, (generation, wanted) in inventories.items():
                if await self.providers.find(id) is None:
                    raise ReshapedProviderUnknown(id=id)
                known = {n: s.plain for n, s in (await self.inventory(id)).items()}
                await self.set_inventory(id, known | wanted, generation)
            await self._claim_all(claims)             # not tried again: the transaction around it would be gone
            for id, (_, wanted) in inventories.items():
                await self.set_inventory(id, wanted, (await self.get_provider(id)).generation)

    async def consumer_counts(self, project_id: str, user_id: str | None = None) -> dict[str | None, int]:
        return await self._claims.consumer_counts(project_id, user_id)

    async def candidates(self, wanted: Wanted) -> tuple[list[Candidate], Nodes]:
        """Allocations that would satisfy the request now, and all providers."""
        forest = await self._keeper.current()
        groups = tuple(_in_root(group, forest.nodes) for group in wanted.groups)
        if None in groups:
            return [], forest.nodes
        return candidates(forest, msgspec.structs.replace(wanted, groups=groups), self.config.max_candidates), forest.nodes


def _in_root(group: Group, nodes: Nodes) -> Group | None:
    """The group with the root of the tree it is to be served from; None when that tree does not exist."""
    if group.in_tree is None:
        return group
    node = nodes.get(group.in_tree)
    return msgspec.structs.replace(group, in_tree=node.provider.root_id) if node is not None else None
