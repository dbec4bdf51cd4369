"""How many replicas each device should hold: by weight, by how far apart replicas can be, and between the two. Pure.

By weight alone a zone that is twice as large may get two replicas of a partition. `overload` says by how much a device may be
given more than its weight's share, so that replicas stay apart.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from math import ceil, floor

import numpy as np

from pileus.object_store.ring.device import Device


def by_weight(weights: np.ndarray, replicas: float) -> np.ndarray:
    """Each device's share of the replicas; at most one of each partition on a device."""
    return fill(weights, replicas, np.zeros(len(weights)), np.ones(len(weights)))


def fill(weights: np.ndarray, total: float, least: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Share `total` out by weight, everybody's share between his least and his most."""
    total = min(total, float(most.sum()))
    low, high = 0.0, 1.0
    weights = np.maximum(weights, 1e-12)
    while np.clip(weights * high, least, most).sum() < total - 1e-12 and high < 1e18:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if np.clip(weights * middle, least, most).sum() < total else (low, middle)
    found = np.clip(weights * high, least, most)
    free = (found > least) & (found < most)
    if free.any():                          # what the halving left over
        found[free] += (total - found.sum()) * weights[free] / weights[free].sum()
    return found


def apart(devices: list[Device], replicas: float, level: int = 0) -> dict[int, float]:
    """Replicas by device id when only distance counts: every tier's children have as equal a part as their sizes allow."""
    if level == 4:
        return {devices[0].id: replicas}
    children: dict[tuple, list[Device]] = {}
    for device in devices:
        children.setdefault(device.tiers[level], []).append(device)
    groups = list(children.values())
    sizes = np.array([len(g) for g in groups], float)
    weights = np.array([sum(d.weight for d in g) for g in groups])
    even = replicas / len(groups)
    least = np.minimum(floor(even + 1e-9), sizes)
    most = np.minimum(ceil(even - 1e-9), sizes)
    if most.sum() < replicas - 1e-9:        # small ones are full: the others take more
        most = sizes
    shares = fill(weights, replicas, least, most)
    found: dict[int, float] = {}
    for group, share in zip(groups, shares, strict=True):
        found |= apart(group, float(share), level + 1)
    return found


def targets(devices: list[Device], replicas: float, overload: float) -> np.ndarray:
    """Replicas of each device, in their order. Raises ValueError when there are too few devices."""
    if not devices or sum(d.weight for d in devices) <= 0:
        raise ValueError("there is no device with a weight")
    if replicas > len(devices):
        raise ValueError(f"{replicas:g} replicas need as many devices; there are {len(devices)}")
    weighted = by_weight(np.array([d.weight for d in devices]), replicas)
    spread = apart(devices, replicas)
    wanted = np.array([spread[d.id] for d in devices])
    needed = float((wanted / np.maximum(weighted, 1e-12)).max()) - 1
    scale = 1.0 if needed <= overload + 1e-9 else overload / needed
    return weighted + (wanted - weighted) * scale
