"""A cluster on one machine: folders, rings and configurations of its nodes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from pileus.core.ids import Ids
from pileus.object_store.config import ObjectStoreConfig
from pileus.object_store.model.names import KINDS
from pileus.object_store.model.policy import Policies
from pileus.object_store.ring import file, simple
from pileus.object_store.ring.device import Device
from pileus.object_store.service import load_hashing

HOST = "127.0.0.1"


class NodePlace(msgspec.Struct, frozen=True, kw_only=True):
    """One node: its folder, and the configuration that its processes run with."""

    name: str
    state: Path
    config: ObjectStoreConfig


def lay_out(folder: Path, ids: Ids, ports: Sequence[tuple[int, int]], *, devices: int, replicas: int, part_power: int,
            apart: bool = False, **options: Any) -> list[NodePlace]:
    """Make folders and rings, as far as they are missing. `ports`: of each node's storage server and proxy. `apart`: accounts,
    containers and objects each have a server of their own, on that port and the two behind it. `options` are those of every node's
    [object_store].

    Raises ValueError when there are rings of other nodes already."""
    rings = folder / "rings"
    found = {kind: [Device(id=n * devices + d, zone=n + 1, ip=HOST, port=storage + further * apart, device=f"d{d + 1}")
                    for n, (storage, _) in enumerate(ports) for d in range(devices)] for further, kind in enumerate(KINDS)}
    for path in rings.glob("*.ring"):
        if {d.name for d in file.read(path).devices if d is not None} != {d.name for d in found[kind_of(path.stem)]}:
            raise ValueError(f"{path} is of other nodes, devices or ports than these")
    load_hashing(rings / "cluster.json", ids)
    places = []
    for n, (storage, proxy) in enumerate(ports):
        state = folder / f"node{n + 1}"
        for d in range(devices):
            (state / "devices" / f"d{d + 1}").mkdir(parents=True, exist_ok=True)
        own = {f"{kind}_listen": f"{HOST}:{storage + further}" for further, kind in enumerate(KINDS)} if apart else {}
        config = msgspec.convert({"ring_folder": str(rings), "storage_listen": f"{HOST}:{storage}",
                                  "proxy_listen": f"{HOST}:{proxy}", **own, **options}, ObjectStoreConfig)
        (state / "node.json").write_bytes(msgspec.json.encode(config))
        places.append(NodePlace(name=state.name, state=state, config=config))
    # Devices in the order d1 of all nodes, d2 of all nodes …: dealt out in turn, replicas are on different nodes.
    for name, count in simple.wanted(Policies(places[0].config.policies), replicas, len(ports) * devices):
        if not (rings / f"{name}.ring").exists():
            placed = found[kind_of(name)]
            dealt = sorted(placed, key=lambda d: (d.device, d.zone))
            file.write(rings / f"{name}.ring", list(placed), simple.deal(dealt, count, part_power), 1)
    return places


def kind_of(ring: str) -> str:
    """What is on a ring: `object-1` is one of objects."""
    return ring.partition("-")[0]
