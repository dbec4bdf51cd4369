"""Claims on every kind of database, with two copies of the control plane that know nothing of each other."""

import asyncio
import random

import pytest

from pileus.placement.candidates import Group, Wanted
from pileus.placement.config import PlacementConfig
from pileus.placement.errors import NoCapacity
from pileus.placement.model import Inventory
from pileus.placement.policy import DEFAULTS
from pileus.placement.service import Placement
from tests.harness import make_kit

pytestmark = [pytest.mark.database, pytest.mark.realtime]
A, B = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


async def two_copies(url: str) -> list[Placement]:
    found = [Placement(await make_kit(DEFAULTS, url=url, seed=seed), PlacementConfig()) for seed in (1, 2)]
    for id, name in ((A, "a"), (B, "b")):
        await found[0].ensure_provider(id, name)
        await found[0].set_inventory(id, {"VCPU": Inventory(total=10), "MEMORY_MB": Inventory(total=10000)})
    return found


async def used_is_what_is_held(placement: Placement) -> dict[str, dict[str, int]]:
    used = await placement.usages_by_provider()
    for id in (A, B):
        held: dict[str, int] = {}
        for claim in (await placement.allocations_on(id)).values():
            for name, amount in claim.items():
                held[name] = held.get(name, 0) + amount
        assert used.get(id, {}) == held
    return used


async def test_what_one_control_plane_changes_the_other_one_finds(database_url):
    """Each keeps the providers in memory, and asks the database whether they changed."""
    one, other = await two_copies(database_url)
    wanted = Wanted(groups=(Group(resources={"VCPU": 6}),))

    async def found() -> set[str]:
        return {id for candidate in (await other.candidates(wanted))[0] for id in candidate.allocations}

    assert await found() == {A, B}
    await one.claim("c", {A: {"VCPU": 5}}, project_id="p", user_id="u")
    assert await found() == {B}
    await one.release("c")
    assert await found() == {A, B}
    await one.set_inventory(B, {"VCPU": Inventory(total=5)})
    assert await found() == {A}
    await one.delete_provider(A)
    assert await found() == set()


async def test_claims_of_two_control_planes(database_url):
    """No slot is given twice, moves between providers do not block each other, and nothing is lost."""
    copies = await two_copies(database_url)
    chance, won = random.Random(7), []

    async def claim(n: int) -> None:
        try:
            await copies[n % 2].claim(f"c{n}", {A: {"VCPU": 1, "MEMORY_MB": 10}}, project_id="p", user_id="u")
            won.append(n)
        except NoCapacity:
            pass

    await asyncio.gather(*(claim(n) for n in range(60)))
    assert len(won) == 10 and (await used_is_what_is_held(copies[0]))[A] == {"VCPU": 10, "MEMORY_MB": 100}

    async def move(n: int) -> None:
        places = [A, B] if chance.random() < 0.5 else [B]
        try:
            await copies[n % 2].claim(f"c{won[n % 10]}", {id: {"VCPU": 1} for id in places}, project_id="p", user_id="u")
        except NoCapacity:
            pass

    await asyncio.gather(*(move(n) for n in range(60)))
    used = await used_is_what_is_held(copies[1])
    assert all(classes["VCPU"] <= 10 for classes in used.values())
    await asyncio.gather(*(copies[n % 2].release(f"c{won[n % 10]}") for n in range(20)))
    assert await used_is_what_is_held(copies[0]) == {}
    for copy in copies:
        await copy.kit.db.close()
