"""`pileus ring …`: make and change the rings of an object store.

A builder is a file, `object.builder`; `rebalance` writes the ring that servers read beside it, `object.ring`.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pileus.core.clock import Clock

if TYPE_CHECKING:
    from pileus.object_store.ring.builder import Builder
    from pileus.object_store.ring.device import Device

#: Where a device is: region, zone, address, name, `r1z2-10.0.0.1:6200/sdb1`.
PLACE = re.compile(r"r(?P<region>\d+)z(?P<zone>\d+)-(?P<ip>[^/]+?):(?P<port>\d+)(?:R(?P<rip>[^/]+):(?P<rport>\d+))?"
                   r"/(?P<device>[^/_]+)(?:_(?P<meta>.*))?")

#: The same, of which anything may be left out.
PART = re.compile(r"(?:d(?P<id>\d+))?(?:r(?P<region>\d+))?(?:z(?P<zone>\d+))?(?:-?(?P<ip>\d[\d.]*|\[[^\]]+\]))?(?::(?P<port>\d+))?"
                  r"(?:/(?P<device>[^/_]+))?(?:_(?P<meta>.+))?")


def create(builder: Path, part_power: int, replicas: float, min_part_hours: float = 1) -> int:
    """Begin a ring of 2^PART_POWER partitions."""
    from pileus.object_store.ring.builder import Builder

    if builder.exists():
        return refuse(f"{builder} is there already")
    return change(builder, lambda: Builder(part_power, replicas, min_part_hours), "made")


def add(builder: Path, place: str, weight: float) -> int:
    """Add a device: `r1z2-10.0.0.1:6200/sdb1` and its weight."""
    found = PLACE.fullmatch(place)
    if found is None:
        return refuse(f"{place} is not of the form r1z1-10.0.0.1:6200/sdb1")

    def act(ring: Builder) -> str:
        device = ring.add(region=int(found["region"]), zone=int(found["zone"]), ip=found["ip"].strip("[]"), port=int(found["port"]),
                          device=found["device"], meta=found["meta"] or "", weight=weight,
                          replication_ip=found["rip"] or "", replication_port=int(found["rport"] or 0))
        return f"{device} added with weight {weight:g}; rebalance to use it"

    return on(builder, act)


def set_weight(builder: Path, device: str, weight: float) -> int:
    """Change a device's weight. DEVICE: its number (`d3` or `3`) or `ip:port/name`."""
    return on(builder, lambda ring: f"{ring.change(which(ring, device), weight=weight)} has weight {weight:g} now")


def remove(builder: Path, device: str) -> int:
    """Remove a device; what it holds moves at the next rebalance."""
    def act(ring: Builder) -> str:
        ring.remove(id := which(ring, device))
        return f"d{id} removed; rebalance to move what it holds"

    return on(builder, act)


def set_info(builder: Path, device: str, ip: str = "", port: int = 0, name: str = "", meta: str = "", replication_ip: str = "",
             replication_port: int = 0) -> int:
    """Change where a device is reached."""
    given = {"ip": ip, "port": port, "device": name, "meta": meta, "replication_ip": replication_ip, "replication_port": replication_port}
    fields = {key: value for key, value in given.items() if value}
    return on(builder, lambda ring: f"{ring.change(which(ring, device), **fields)} now; write-ring or rebalance to tell servers")


def set_region(builder: Path, device: str, region: int) -> int:
    """Say in which region a device is."""
    return on(builder, lambda ring: f"{ring.change(which(ring, device), region=region)} now; rebalance to use it")


def set_zone(builder: Path, device: str, zone: int) -> int:
    """Say in which zone a device is."""
    return on(builder, lambda ring: f"{ring.change(which(ring, device), zone=zone)} now; rebalance to use it")


def search(builder: Path, place: str) -> int:
    """The devices at a place, any part of which may be left out: `r1z2`, `z2-10.0.0.1`, `/sdb1`, `d3`, `_meta`."""
    wanted = PART.fullmatch(place) if place else None
    if wanted is None:
        return refuse(f"{place!r} is no part of r1z1-10.0.0.1:6200/sdb1_meta")
    said = {name: value for name, value in wanted.groupdict().items() if value is not None}

    def act(ring: Builder) -> str:
        found = [d for d in ring.devices if all(str(getattr(d, name)).startswith(value) if name == "meta" else
                                                str(getattr(d, name)) == value.strip("[]") for name, value in said.items())]
        if not found:
            raise ValueError(f"no device is at {place}")
        return listed(ring, found)

    return on(builder, act, save=False)


def list_parts(builder: Path, device: str) -> int:
    """The partitions that have a replica on a device."""
    return on(builder, lambda ring: "\n".join(str(part) for part in ring.partitions_of(which(ring, device))), save=False)


def set_replicas(builder: Path, replicas: float) -> int:
    """Change the number of replicas; a fraction gives some partitions one more."""
    return set_field(builder, "replicas", replicas, 1)


def set_overload(builder: Path, overload: float) -> int:
    """By how much a device may hold more than its weight's share, so that replicas stay apart: 0.1 is ten percent."""
    return set_field(builder, "overload", overload, 0)


def set_min_part_hours(builder: Path, hours: float) -> int:
    """How long a partition rests after one of its replicas moved."""
    return set_field(builder, "min_part_hours", hours, 0)


def pretend_min_part_hours_passed(builder: Path) -> int:
    """Let every partition move again now."""
    def act(ring: Builder) -> str:
        ring.moved_at[:] = -1e9
        return "every partition may move"

    return on(builder, act)


def rebalance(builder: Path, seed: str = "") -> int:
    """Give every device what it should hold, with few moves, and write the ring."""
    def act(ring: Builder) -> str:
        moved = ring.rebalance(hour=Clock().now().timestamp() / 3600, seed=seed or None)
        ring.write_ring(builder.with_suffix(".ring"))
        slots = int(ring.state.replicas * 2 ** ring.state.part_power)
        return (f"{moved} of {slots} replicas of partitions moved ({100 * moved / slots:.2f} %); balance {ring.balance():.2f}, "
                f"dispersion {ring.dispersion():.2f}")

    return on(builder, act)


def write_ring(builder: Path) -> int:
    """Write the ring as it was balanced last."""
    def act(ring: Builder) -> str:
        ring.write_ring(builder.with_suffix(".ring"))
        return str(builder.with_suffix(".ring"))

    return on(builder, act, save=False)


def write_builder(ring: Path, min_part_hours: float = 1) -> int:
    """Make a builder beside a ring whose builder is lost."""
    from pileus.object_store.ring import file
    from pileus.object_store.ring.builder import Builder

    path = ring.with_suffix(".builder")
    if path.exists():
        return refuse(f"{path} is there already")
    try:
        read = file.read(ring)
    except (OSError, ValueError) as problem:
        return refuse(str(problem))
    return change(path, lambda: Builder.of_ring(read, min_part_hours), "made")


def prepare_increase_partition_power(builder: Path) -> int:
    """Begin to double the number of partitions; then `pileus object-store relink` on every node."""
    if builder.stem in ("account", "container"):
        return refuse("only rings of objects can get more partitions")
    return doubled(builder, "prepare_increase", "once all nodes have the ring: `pileus object-store relink` on each of them")


def increase_partition_power(builder: Path) -> int:
    """Double the number of partitions, once everything is relinked."""
    return doubled(builder, "increase", "once all nodes have the ring: `pileus object-store relink --cleanup` on each of them")


def cancel_increase_partition_power(builder: Path) -> int:
    """Do not double it after all."""
    return doubled(builder, "cancel_increase", "once all nodes have the ring: `pileus object-store relink --cleanup` on each of them")


def finish_increase_partition_power(builder: Path) -> int:
    """End the doubling, or what was cancelled of it, once everything is cleaned up."""
    return doubled(builder, "finish_increase", "replication goes on")


def doubled(builder: Path, step: str, then: str) -> int:
    """One step of the doubling of partitions; the ring is written, too."""
    def act(ring: Builder) -> str:
        getattr(ring, step)()
        ring.write_ring(builder.with_suffix(".ring"))
        return f"2^{ring.state.part_power} partitions; {then}"

    return on(builder, act)


def validate(builder: Path) -> int:
    """Whether the ring may be used."""
    def act(ring: Builder) -> str:
        ring.validate()
        return "valid"

    return on(builder, act, save=False)


def dispersion(builder: Path) -> int:
    """How much of the ring has replicas nearer to each other than they would have to be, in percent."""
    return on(builder, lambda ring: f"dispersion {ring.dispersion():.6f}, balance {ring.balance():.6f}, "
                                    f"overload {100 * ring.state.overload:g} %", save=False)


def show(builder: Path) -> int:
    """The ring and its devices."""
    return on(builder, described, save=False)


def described(ring: Builder) -> str:
    state = ring.state
    head = [f"version {state.version}: 2^{state.part_power} partitions, {state.replicas:g} replicas, {len(ring.devices)} devices, "
             f"balance {ring.balance():.2f}, dispersion {ring.dispersion():.2f}, overload {100 * state.overload:g} %, "
             f"partitions rest {state.min_part_hours:g} hours"
             + (f", on the way to 2^{state.next_part_power} partitions" if state.next_part_power is not None else "")]
    return "\n".join([*head, listed(ring, ring.devices)])


def listed(ring: Builder, devices: Sequence[Device]) -> str:
    counts = ring.counts()
    lines = [f"{'id':>5} {'region':>6} {'zone':>5} {'device':<40} {'weight':>9} {'partitions':>10}"]
    lines += [f"{d.id:>5} {d.region:>6} {d.zone:>5} {d.name:<40} {d.weight:>9g} {counts[d.id]:>10}" + (f" {d.meta}" if d.meta else "")
              for d in devices]
    return "\n".join(lines)


def which(ring: Builder, device: str) -> int:
    """A device's number. Raises ValueError when there is none, or several."""
    if device.lstrip("d").isdigit():
        return ring.device(int(device.lstrip("d"))).id
    found = [d.id for d in ring.devices if d.name == device or d.device == device]
    if len(found) != 1:
        raise ValueError(f"{len(found)} devices are called {device}")
    return found[0]


def set_field(builder: Path, name: str, value: float, least: float) -> int:
    def act(ring: Builder) -> str:
        if not least <= value < float("inf"):
            raise ValueError(f"{name} is at least {least:g}")
        setattr(ring.state, name, value)
        return f"{name} is {value:g} now; rebalance to use it"

    return on(builder, act)


def on(path: Path, act, *, save: bool = True) -> int:
    """Do something with a builder and say what came of it; a mistake changes nothing."""
    from pileus.object_store.ring.builder import Builder

    try:
        ring = Builder.load(path)
        text = act(ring)
    except ValueError as problem:
        return refuse(str(problem))
    if save:
        ring.save(path)
    print(text)
    return 0


def change(path: Path, make, text: str) -> int:
    try:
        make().save(path)
    except ValueError as problem:
        return refuse(str(problem))
    print(f"{path} {text}")
    return 0


def refuse(why: str) -> int:
    print(f"pileus ring: {why}", file=sys.stderr)
    return 1
