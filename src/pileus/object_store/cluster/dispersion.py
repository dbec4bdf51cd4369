"""How much of what should be there is there: objects and containers that are spread over all partitions, and looked for on each device.

They are put once (`populate`) into an account that no client has; a report asks each device that should hold one of them. What is
missing of them, is missing of clients' data in the same places.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus.object_store.daemons.walk import rows
from pileus.object_store.model.policy import StoragePolicy
from pileus.object_store.proxy.ask import one
from pileus.object_store.proxy.proxy import Proxy
from pileus.object_store.ring.ring import Ring
from pileus.object_store.wire.body import stream
from pileus.object_store.wire.message import Request

ACCOUNT = ".dispersion"
CONTAINER, OBJECTS = "container_", "objects_"


class Found(msgspec.Struct, kw_only=True):
    """What a report says of one ring."""

    ring: str
    partitions: int = 0                     # looked at
    expected: int = 0                       # copies
    found: int = 0
    missing: dict[int, int] = {}            # copies that are missing → of how many partitions

    @property
    def percent(self) -> float:
        return 100 * self.found / self.expected if self.expected else 100.0


async def populate(proxy: Proxy, coverage: float = 0.01) -> dict[str, int]:
    """Put something on so large a part of the partitions; answers how many are covered. Raises OSError when it cannot be put."""
    covered = {"container": await _cover(proxy, proxy.rings["container"], (ACCOUNT,), CONTAINER, coverage)}
    for policy in proxy.policies:
        container = f"{OBJECTS}{policy.index}"
        await _put(proxy, f"/v1/{ACCOUNT}/{container}", {"x-storage-policy": policy.name})
        covered[policy.ring] = await _cover(proxy, proxy.rings[policy.ring], (ACCOUNT, container), "object_", coverage)
    return covered


async def _cover(proxy: Proxy, ring: Ring, above: tuple[str, ...], prefix: str, coverage: float) -> int:
    wanted, number, seen = max(1, round(ring.partitions * coverage)), 0, set[int]()
    while len(seen) < wanted:
        names: tuple[str, ...] = (*above, f"{prefix}{number}")
        number += 1
        if (part := ring.partition(*names)) not in seen:
            seen.add(part)
            await _put(proxy, "/v1/" + "/".join(names), {})
    return len(seen)


async def _put(proxy: Proxy, path: str, headers: dict[str, str]) -> None:
    req = Request("PUT", path, headers | {"content-length": "0"}, body=stream())
    answer = await proxy(req)
    await answer.close()
    if not answer.ok:
        raise OSError(f"{path} cannot be put: {answer.status}")


async def report(proxy: Proxy) -> list[Found]:
    """What is found of what was put, ring by ring."""
    containers = [row["name"] async for row in rows(proxy, ACCOUNT)]
    found = Found(ring="container", missing={})
    for name in containers:
        if name.startswith(CONTAINER):
            await _look(proxy, found, "container", proxy.rings["container"], (ACCOUNT, name), {})
    reports = [found]
    for policy in proxy.policies:
        container = f"{OBJECTS}{policy.index}"
        if container in containers:
            reports.append(await _objects(proxy, policy, container))
    return reports


async def _objects(proxy: Proxy, policy: StoragePolicy, container: str) -> Found:
    found, headers = Found(ring=policy.ring, missing={}), {"x-backend-storage-policy-index": str(policy.index)}
    async for row in rows(proxy, ACCOUNT, container):
        await _look(proxy, found, "object", proxy.rings[policy.ring], (ACCOUNT, container, row["name"]), headers)
    return found


async def _look(proxy: Proxy, found: Found, kind: str, ring: Ring, names: tuple[str, ...], headers: dict[str, Any]) -> None:
    """Ask every device that should hold this."""
    part, path, there = ring.partition(*names), "/" + "/".join(names), 0
    nodes = ring.primaries(part)
    for node in nodes:
        answer = await one(proxy, kind, node, part, Request("HEAD", path), path, headers)
        await answer.close()
        there += answer.ok
    found.partitions += 1
    found.expected += len(nodes)
    found.found += there
    if there < len(nodes):
        found.missing[len(nodes) - there] = found.missing.get(len(nodes) - there, 0) + 1
