"""Seeds of the simulation; a failure names its seed. They are always the same ones, so that a change is judged by what it changed.
PILEUS_SEEDS=50000 looks for more: it tries that many, and half of them are others at every run. PILEUS_SEED=4711 tries that one only.

And whether it would find anything: each of the bugs below is planted, and has to be found.
"""

import os
import random
from unittest.mock import patch

import pytest

from pileus.object_store.daemons.object_replicator import ObjectReplicator
from pileus.object_store.daemons.sharder import ContainerSharder
from pileus.object_store.model.timestamp import stamp
from pileus.object_store.node import StorageNode
from pileus.object_store.proxy import ask, best, put
from pileus.object_store.proxy.erasure import put as coded
from pileus.object_store.storage.database import container
from pileus.object_store.storage.database.replicate import State
from pileus.object_store.storage.object.pending import MemoryPendings
from tests.object_store.seeds import BLOCK, failures, run_all

BLOCKS = max(2, int(os.environ.get("PILEUS_SEEDS", "2000")) // BLOCK)


@pytest.mark.realtime
def test_what_was_acknowledged_is_there_and_nothing_else():
    if one := os.environ.get("PILEUS_SEED"):
        assert not (found := list(failures([int(one)]))), found[0]
        return
    known = BLOCKS // 2 if "PILEUS_SEEDS" in os.environ else BLOCKS
    others = random.SystemRandom().randrange(1 << 32)
    starts = [block * BLOCK if block < known else others + block * BLOCK for block in range(BLOCKS)]
    found = run_all([range(start, start + BLOCK) for start in starts])
    assert not found, "\n".join(found[:5])


async def always(*_args):
    return True


#: What is broken, and how; which seeds, of eight, have to do with it, and how often something is destroyed in them.
PLANTED = {
    "one replica is enough": ([*(patch.object(module, "quorum", lambda replicas: 1) for module in (best, put, ask)),
                               patch.object(put, "AFTER_QUORUM_S", 0.0)], 0, 1.0),
    "deletions are forgotten at once": (
        [patch.object(StorageNode, "reclaim_before", lambda node: stamp(node.clock.now().timestamp()))], 0, 0.0),
    "the last to come is the newest": ([patch.object(container, "_newest", lambda old, new: new)], 0, 0.0),
    "rows that cannot be told are forgotten": ([patch.object(MemoryPendings, "keep", lambda *_: None)], 0, 0.0),
    "a handoff is emptied whoever has heard": ([patch.object(ObjectReplicator, "send", always)], 0, 1.0),
    "replicas are told of rows once": ([patch.object(State, "point", 1 << 40)], 0, 0.0),
    "a coded object is good when one fragment is stored": ([patch.object(coded.Writing, "enough", lambda *_: True)], 3, 1.0),
    "shards are told, whether or not they hear it": ([patch.object(ContainerSharder, "send", always)], 7, 1.0),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug):
    patches, remainder, destroys = PLANTED[bug]
    for each in patches:
        each.start()
    try:
        assert next(failures(range(remainder, 8 * 500, 8), destroys), None) is not None
    finally:
        for each in patches:
            each.stop()
