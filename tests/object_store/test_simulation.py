"""Seeds of the simulation; a failure names its seed. PILEUS_SEEDS=5000 tries that many; half of all are others at every run."""

import asyncio
import logging
import os
import random

import pytest

from tests.conftest import run_virtual
from tests.object_store.simulation import World

BLOCK = 20
BLOCKS = max(2, int(os.environ.get("PILEUS_SEEDS", "160")) // BLOCK)
#: The second half of the blocks begins anywhere.
OTHERS = random.SystemRandom().randrange(1 << 32)
#: 112: a stand-in's 404 for a container passed for the container's absence, and an object was not deleted that was said to be.
#: 30: a replica that had not heard of everything had the last word on how much there is. 51: nobody took a fragment, which was no answer.
KNOWN = [112, 30, 51]


async def history(seed: int) -> None:
    world = World(seed)
    try:
        assert (await world.send(0, "PUT", "/c")).status == 201
        world.loss = world.random.choice([0.0, 0.02, 0.1])
        world.delay_s = world.random.choice([0.01, 0.3])
        await asyncio.gather(*(world.client(n, 5) for n in range(3)), world.trouble(6))
        await world.heal()
        await world.check()
    except Exception as problem:
        problem.add_note(f"seed {seed}")
        raise
    finally:
        await world.close()


@pytest.mark.parametrize("block", range(BLOCKS))
def test_what_was_acknowledged_is_there_and_nothing_else(block):
    first = block * BLOCK if block < BLOCKS // 2 else OTHERS + block * BLOCK
    print(f"seeds from {first}")
    # What fails is told by the thousand here, and telling it takes longer than doing it.
    logging.disable(logging.ERROR)
    try:
        for seed in [*(KNOWN if block == 0 else []), *range(first, first + BLOCK)]:
            run_virtual(history(seed))
    finally:
        logging.disable(logging.NOTSET)
