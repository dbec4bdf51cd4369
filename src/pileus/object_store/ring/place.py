"""Which device holds which replica: a fresh table, or an old one with as few changes as the targets allow. Pure.

A fresh table is dealt by systematic sampling: devices stand in a row, neighbours in a tier beside each other, each as wide as its
share; every partition takes devices at equal distances. A tier whose share is at most one replica can then never get two of a
partition, whatever the level. Partitions are dealt in batches, each with another order, so that every device has many partners.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import random
from typing import Any

import numpy as np

from pileus.object_store.ring.device import Device
from pileus.object_store.ring.file import NOBODY
from pileus.object_store.ring.targets import fill

#: Rounds of random matching before what is left is placed one by one.
ROUNDS = 40


class Tiers:
    """Devices by place in a list, their tiers as numbers, and how many replicas of a partition a tier may hold."""

    def __init__(self, devices: list[Device], share: np.ndarray):
        self.devices, self.share = devices, share
        self.ids = np.array([d.id for d in devices], np.uint32)
        self.place = np.full(int(self.ids.max()) + 2, -1, np.int64)
        self.place[self.ids] = np.arange(len(devices))
        self.tier, self.most = [], []
        for level in range(4):
            names = sorted({d.tiers[level] for d in devices})
            number = {name: n for n, name in enumerate(names)}
            tier = np.array([number[d.tiers[level]] for d in devices])
            self.tier.append(tier)
            self.most.append(np.ceil(np.bincount(tier, share) - 1e-6).astype(int))

    def places(self, table: np.ndarray) -> np.ndarray:
        """A table of ids as one of places; -1 where there is nobody (any more)."""
        known = np.where(table < len(self.place), table, len(self.place) - 1)
        return self.place[known]

    def crowded(self, others: np.ndarray, candidate: np.ndarray) -> np.ndarray:
        """For each slot how bad a candidate is beside the other replicas (places, by row): 0 is good, 4 is the same device twice."""
        bad = np.zeros(len(candidate), int)
        for level in range(4):
            own = self.tier[level][candidate]
            same = ((self.tier[level][others] == own) & (others >= 0)).sum(axis=0)
            bad = np.where((bad == 0) & (same + 1 > self.most[level][own]), 1, bad)
        return np.where((others == candidate).any(axis=0), 4, bad)


def deal(tiers: Tiers, replicas: float, partitions: int, rng: np.random.Generator) -> np.ndarray:
    """A fresh table of ids. The last row has only part of the partitions when `replicas` is no whole number."""
    rows = int(np.ceil(replicas - 1e-9))
    table = np.full((rows, partitions), NOBODY, np.uint32)
    whole, part = int(replicas), round((replicas - int(replicas)) * partitions)
    batch = max(1, min(partitions, max(256, partitions // 256)))
    owed = np.zeros(len(tiers.devices))
    columns = rng.permutation(partitions)
    for start in range(0, partitions, batch):
        count = min(batch, partitions - start)
        # Partitions of the fraction are spread over all batches.
        more = part * (start + count) // partitions - part * start // partitions
        slots = whole * count + more
        owed += tiers.share * slots / tiers.share.sum()
        order = shuffled(tiers, rng)
        widths = np.maximum(owed, 0)
        widths *= slots / widths.sum()
        if (widths > count).any():          # wider than a batch, a device would meet itself
            widths = fill(widths, slots, np.zeros(len(widths)), np.full(len(widths), float(count)))
        ends = np.round(np.cumsum(widths[order]), 6)
        taken = order[np.minimum(np.searchsorted(ends, np.arange(slots) + rng.random() * 0.999 + 5e-4), len(order) - 1)]
        np.subtract.at(owed, taken, 1)
        for row in range(rows):
            piece = taken[row * count:(row + 1) * count]
            table[row, columns[start:start + len(piece)]] = tiers.ids[piece]
    return table


def shuffled(tiers: Tiers, rng: np.random.Generator) -> np.ndarray:
    """The devices in an order in which the members of each tier stand together, otherwise by chance."""
    keys = [rng.permutation(int(tier.max()) + 1)[tier] for tier in tiers.tier]
    return np.lexsort(keys[::-1])


def move(tiers: Tiers, table: np.ndarray, wanted: np.ndarray, may_move: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A table in which devices have (nearly) the wanted numbers of slots, moving at most one replica of a partition, and only of
    those that `may_move`; what is on devices that are gone always moves. `wanted`: whole numbers, by place."""
    places = tiers.places(table)
    exists = table != NOBODY
    lost = exists & (places < 0)
    open_ = may_move & ~lost.any(axis=0)    # by partition: none of its replicas moves yet
    free = lost | _crowded(tiers, places, open_, rng)
    rows, columns = np.nonzero(free)
    places[free] = -1
    hunger = wanted - np.bincount(places[places >= 0], minlength=len(wanted))
    _hand_over(tiers, places, exists & (places >= 0), open_, hunger, len(rows), rng)
    _assign(tiers, places, rows, columns, hunger, rng)
    changed = places != tiers.places(table)
    result = table.copy()
    result[changed] = tiers.ids[places[changed]]
    return result


def _crowded(tiers: Tiers, places: np.ndarray, open_: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Slots that are too near to another replica; their partitions are no longer open."""
    found = np.zeros(places.shape, bool)
    for row in rng.permutation(len(places)):
        bad = (tiers.crowded(np.delete(places, row, axis=0), np.maximum(places[row], 0)) > 0) & (places[row] >= 0) & open_
        found[row] |= bad
        open_ &= ~bad
    return found


def _hand_over(tiers: Tiers, places: np.ndarray, held: np.ndarray, open_: np.ndarray, hunger: np.ndarray, spoken_for: int,
               rng: np.random.Generator) -> None:
    """Slots of devices that have too many go to hungry ones, where that brings no two replicas nearer to each other.

    `spoken_for`: how much of the hunger will be stilled by slots that have no device at all."""
    for _ in range(ROUNDS):
        spare = int(np.maximum(hunger, 0).sum()) - spoken_for
        rows, columns = np.nonzero(held & open_ & (hunger[places] < 0))
        if spare <= 0 or not len(rows):
            return
        chance = rng.permutation(len(rows))[:max(1000, 4 * spare)]
        rows, columns = rows[chance], columns[chance]
        hungry = np.maximum(hunger, 0)
        offered = rng.choice(len(hunger), len(rows), p=hungry / hungry.sum())
        others = places[:, columns].copy()
        others[rows, np.arange(len(rows))] = -1
        good = np.flatnonzero(tiers.crowded(others, offered) == 0)
        _, first = np.unique(columns[good], return_index=True)
        good = good[first]
        good = good[_within(places[rows[good], columns[good]], np.maximum(-hunger, 0))]
        good = good[_within(offered[good], hungry)][:spare]
        hunger += np.bincount(places[rows[good], columns[good]], minlength=len(hunger)) - np.bincount(offered[good], minlength=len(hunger))
        places[rows[good], columns[good]] = offered[good]
        open_[columns[good]] = False


def _within(who: np.ndarray, most: np.ndarray) -> np.ndarray:
    """The places of a list at which everybody comes for at most his number of times."""
    order = np.argsort(who, kind="stable")
    rank = np.arange(len(who)) - np.searchsorted(who[order], who[order])
    return order[rank < most[who[order]]]


def _assign(tiers: Tiers, places: np.ndarray, rows: np.ndarray, columns: np.ndarray, hunger: np.ndarray, rng: np.random.Generator) -> None:
    """Fill slots from the hungry; first by chance, as long as that goes well, then what is left one by one."""
    left = np.arange(len(rows))
    for _ in range(ROUNDS):
        if not len(left):
            return
        offers = np.repeat(np.arange(len(hunger)), np.maximum(hunger, 0))
        if not len(offers):
            break
        rng.shuffle(offers)
        # Partitions with several open slots take one at a time.
        _, first = np.unique(columns[left], return_index=True)
        asked = left[np.sort(first)][:len(offers)]
        offered = offers[:len(asked)]
        good = tiers.crowded(places[:, columns[asked]], offered) == 0
        places[rows[asked[good]], columns[asked[good]]] = offered[good]
        hunger -= np.bincount(offered[good], minlength=len(hunger))
        left = np.setdiff1d(left, asked[good])
    for slot in left:
        _place_one(tiers, places, int(rows[slot]), int(columns[slot]), hunger)


def _place_one(tiers: Tiers, places: np.ndarray, row: int, column: int, hunger: np.ndarray) -> None:
    """The device that is least near to the others, and among those the hungriest."""
    everybody = np.arange(len(hunger))
    others = np.repeat(places[:, column:column + 1], len(hunger), axis=1)
    bad = tiers.crowded(others, everybody)
    need = np.where(hunger > 0, 0, 1)
    chosen = int(np.lexsort((-hunger, bad + 2 * need))[0]) if (bad < 4).any() else int(np.argmax(hunger))
    places[row, column] = chosen
    hunger[chosen] -= 1


def whole_numbers(shares: np.ndarray, slots: int) -> np.ndarray:
    """Shares of all slots in whole numbers, by the largest remainder."""
    exact = shares * slots / shares.sum()
    found = np.floor(exact + 1e-9).astype(np.int64)
    order = np.argsort(-(exact - found), kind="stable")
    found[order[:slots - int(found.sum())]] += 1
    return found


def seeded(seed: Any) -> np.random.Generator:
    return np.random.default_rng(random.Random(str(seed)).getrandbits(64))
