"""The ring of a single process: devices that are all alike, dealt out in turn."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from array import array

from pileus.object_store.model.policy import Policies
from pileus.object_store.ring.device import Device
from pileus.object_store.ring.file import Table


def wanted(policies: Policies, replicas: int, devices: int) -> list[tuple[str, int]]:
    """The rings by name, each with its replicas. Raises ValueError when there are fewer devices than fragments of an object."""
    for policy in policies:
        if policy.erasure is not None and policy.erasure.places > devices:
            raise ValueError(f"storage policy {policy.name} wants {policy.erasure.places} devices for its fragments; there are {devices}")
    return [("account", replicas), ("container", replicas), *((p.ring, p.replicas(replicas)) for p in policies)]


def deal(devices: list[Device], replicas: int, part_power: int) -> Table:
    """Replica r of partition p is on device p + r: never twice on one as long as there are enough."""
    ids = [d.id for d in devices]
    return [array("I", [ids[(part + replica) % len(ids)] for part in range(1 << part_power)])
            for replica in range(min(replicas, len(ids)))]
