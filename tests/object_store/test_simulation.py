"""Seeds of the simulation; a failure names its seed. PILEUS_SEEDS=1000 tries that many."""

import asyncio
import os

import pytest

from tests.object_store.simulation import World

SEEDS = int(os.environ.get("PILEUS_SEEDS", "12"))


#: 112: a stand-in's 404 for a container passed for the container's absence, and an object was not deleted that was said to be.
@pytest.mark.parametrize("seed", [*range(SEEDS), 112])
async def test_what_was_acknowledged_is_there_and_nothing_else(seed):
    world = World(seed)
    try:
        assert (await world.send(0, "PUT", "/c")).status == 201
        world.loss = world.random.choice([0.0, 0.02, 0.1])
        world.delay_s = world.random.choice([0.01, 0.3])
        await asyncio.gather(*(world.client(n, 12) for n in range(3)), world.trouble(12))
        await world.heal()
        await world.check()
    finally:
        await world.close()
