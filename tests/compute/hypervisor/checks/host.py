"""What a check has to do with: an empty host, and what is needed to look behind the driver's back."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from pileus.compute.hypervisor.base import (
    GuestSpec,
    Hypervisor,
    Nic,
    Power,
)

#: A guest that nobody has.
STRANGER = "00000000-0000-4000-8000-00000000dead"


@dataclass
class Host:
    """An empty host. `driver()` is a new driver over the same state each time: a restarted agent."""

    driver: Callable[[], Hypervisor]
    spec: Callable[[int], GuestSpec]                # the nth guest's spec: small, boots, prints something to its console
    broken: Callable[[Hypervisor], GuestSpec]       # a spec that this driver cannot spawn
    mend: Callable[[Hypervisor], None]              # undo what `broken` did to the driver
    leftovers: Callable[[], list[str]]              # files and processes that belong to guests
    other: Callable[[], Hypervisor] | None = None   # a driver over the state of a second host, to which guests can be moved
    nic: Callable[[int], Nic] | None = None         # the nth network interface, when the driver can plug and has one to give
    console_says: bytes = b""                       # what a guest's console holds within `patience_s`
    patience_s: float = 10


@contextlib.asynccontextmanager
async def running(host: Host):
    """A driver that was started, and is let go of in the end."""
    driver = host.driver()
    await driver.start()
    try:
        yield driver
    finally:
        await driver.stop()


@contextlib.asynccontextmanager
async def scratch():
    """An empty folder that belongs to no guest."""
    with tempfile.TemporaryDirectory(prefix="pileus-test-contract-") as folder:
        Path(folder).chmod(0o711)                      # images are where a guest's process may pass
        yield Path(folder)


async def powers(driver: Hypervisor) -> dict[str, Power]:
    return {guest.id: guest.power for guest in await driver.guests()}


async def bring(driver: Hypervisor, spec: GuestSpec, to: Power) -> None:
    await driver.spawn(spec)
    await driver.power(spec.id, to)


def needs(driver: Hypervisor, ability: type) -> None:
    """Skip a check about something that this driver cannot do and does not claim."""
    if not isinstance(driver, ability):
        pytest.skip(f"this driver has no {ability.__name__}")


def larger(spec: GuestSpec) -> GuestSpec:
    root = replace(spec.root, base="/not/looked/at", size_gib=spec.root.size_gib + 1)
    return replace(spec, vcpus=spec.vcpus + 1, memory_mb=spec.memory_mb + 16, root=root)
