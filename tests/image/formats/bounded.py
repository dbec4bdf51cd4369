"""Run as a process of its own: inspects images made from good ones, and says what the worst of them took.

    python -m tests.image.formats.bounded SEED FILES        # prints {"seconds": …, "mib": …, "format": …}
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import random
import resource
import sys
import time

from tests.image.formats.images import GOOD, MIB, at

from pileus.image.formats import Inspector

LONG = 32 * MIB
#: Numbers that sizes, counts and offsets are likely to be believed with.
EXTREMES = [b"\xff" * 8, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0\x80\0\0\0", bytes(8), b"\0\0\0\x01", b"\x01\0\0\0"]


def main(seed: int, files: int) -> dict[str, object]:
    chance, zeros = random.Random(seed), bytes(MIB)
    peak, slowest, culprit = _peak(), 0.0, ""
    for _ in range(files):
        name = chance.choice(sorted(GOOD))
        data = memoryview(_mutated(GOOD[name], chance))
        began = time.process_time()
        inspector = Inspector()
        for begin in range(0, len(data), MIB):
            inspector.feed(data[begin:begin + MIB])
        for _ in range(LONG // MIB if chance.random() < 0.1 else 0):
            inspector.feed(zeros)
        inspector.finish()
        if (took := time.process_time() - began) > slowest:
            slowest, culprit = took, name
    return {"seconds": slowest, "mib": (_peak() - peak) / 1024, "format": culprit}


def _mutated(data: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 6)):
        place = chance.choice((chance.randrange(256), chance.randrange(4096), chance.randrange(len(data))))
        data = at(data, place, chance.choice((chance.randbytes(chance.randint(1, 16)), chance.choice(EXTREMES))))
    return data[:chance.randrange(len(data))] if chance.random() < 0.2 else data


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main(0, len(GOOD) * 4)                                               # what any first run takes is nobody's fault
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
