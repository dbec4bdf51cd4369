"""What is kept in memory of providers is what the database has, whatever was done to it and by whom."""

# SPDX-License-Identifier: Apache-2.0
import random

import pytest

from pileus.core.errors import CloudError
from pileus.placement.config import PlacementConfig
from pileus.placement.forest import Forest
from pileus.placement.model import SHARING, Inventory
from pileus.placement.policy import DEFAULTS
from pileus.placement.service import Placement
from pileus.placement.service import forest as keeping
from tests.harness import make_kit

IDS = [f"{n}0000000-0000-4000-8000-000000000000" for n in range(8)]
TRAITS = ["CUSTOM_A", "CUSTOM_B", SHARING]


async def change(placement: Placement, chance: random.Random) -> None:
    """Something that may be refused."""
    id, other = chance.choice(IDS), chance.choice([*IDS, None])
    what = chance.randrange(15) % 8
    if what == 0:
        await placement.ensure_provider(id, f"name-{chance.random()}", other if other != id else None)
    elif what == 1:
        some = [name for name in ("VCPU", "DISK_GB") if chance.random() < 0.8]
        await placement.set_inventory(id, {name: Inventory(total=chance.randint(5, 9)) for name in some})
    elif what == 2:
        await placement.set_traits(id, {trait for trait in TRAITS if chance.random() < 0.4})
    elif what == 3:
        await placement.set_aggregates(id, {IDS[0]} if chance.random() < 0.5 else set())
    elif what == 4:
        await placement.claim(chance.choice(IDS), {id: {"VCPU": chance.randint(1, 3)}}, project_id="p", user_id="u")
    elif what == 5:
        await placement.release(chance.choice(IDS))
    elif what == 6:
        await placement.update_provider(id, f"name-{chance.random()}", other, may_leave=True)
    else:
        await placement.delete_provider(id)


@pytest.mark.parametrize("many", [200, 1])
@pytest.mark.parametrize("seed", range(10))
async def test_the_forest_is_what_the_database_has(seed, many, monkeypatch):
    monkeypatch.setattr(keeping, "MANY", many)
    kit, chance = await make_kit(DEFAULTS), random.Random(seed)
    placement, stranger, done = Placement(kit, PlacementConfig()), Placement(kit, PlacementConfig()), 0
    for id in IDS:
        await placement.ensure_provider(id, id)
    for _ in range(150):
        try:
            await change(chance.choice([placement, stranger]), chance)
            done += 1
        except CloudError:
            pass
        await kit.clock.sleep(0.01)
        if chance.random() < 0.5:
            kept = await placement._keeper.current()
            async with kit.db.transaction():
                fresh = await placement._keeper.current()
            assert kept is not fresh and kept.nodes == fresh.nodes
            assert {root: dict(tree) for root, tree in kept.trees.items()} == fresh.trees and kept.sharing == fresh.sharing
            assert {t: ids for t, ids in kept.with_trait.items() if ids} == {t: ids for t, ids in fresh.with_trait.items() if ids}
    assert done > 40


async def test_nothing_is_read_again_while_nothing_changes(monkeypatch):
    kit = await make_kit(DEFAULTS)
    placement = Placement(kit, PlacementConfig())
    await placement.ensure_provider(IDS[0], "a")
    first = await placement._keeper.current()
    monkeypatch.setattr(placement.providers, "states", None)
    assert await placement._keeper.current() is first and isinstance(first, Forest)
