"""Histories of simulated clusters, one for each seed; in several processes when there are many."""

from __future__ import annotations

import logging
import os
import tempfile
import traceback
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

from tests.conftest import run_virtual
from tests.object_store.harness import in_memory
from tests.object_store.simulated import KINDS, Ground
from tests.object_store.simulation import World

BLOCK = 50


async def history(seed: int, grounds: dict[str, Ground], destroys: float) -> None:
    world = World(seed, grounds, destroys)
    await world.begin()
    await world.live()
    await world.heal()
    if world.kind == "sharded":
        await world.check()
        await world.dwindle()
        await world.heal()
    await world.check()


@contextmanager
def prepared() -> Iterator[dict[str, Ground]]:
    """The grounds of all worlds, and quiet: what fails is told by the thousand here, and telling it takes longer than doing it."""
    with tempfile.TemporaryDirectory(prefix="pileus-simulation-", dir=in_memory()) as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield {kind: Ground(Path(folder), kind) for kind in ("", *KINDS.values())}
        finally:
            logging.disable(logging.NOTSET)


def failures(seeds: Iterable[int], destroys: float = 0.4) -> Iterator[str]:
    """What goes wrong, with the seed at which it does."""
    with prepared() as grounds:
        for seed in seeds:
            try:
                run_virtual(history(seed, grounds, destroys))
            except Exception as problem:
                where = "".join(traceback.format_tb(problem.__traceback__)[-2:])
                yield f"seed {seed}: {type(problem).__name__}: {str(problem)[:1000]}\n{where}"


def run_block(seeds: range) -> list[str]:
    return list(failures(seeds))


def run_all(blocks: list[range]) -> list[str]:
    """On all processors."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        return [line for found in pool.map(run_block, blocks) for line in found]
