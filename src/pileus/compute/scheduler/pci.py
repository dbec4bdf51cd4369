"""PciPassthroughFilter: hosts that have the PCI devices a flavor asks for by their aliases. Few hosts have any."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pileus.compute.hypervisor.topology import PciPool
from pileus.compute.scheduler.request import PciRequest, ServerRequest
from pileus.compute.scheduler.snapshot import Hosts


def passthrough(hosts: Hosts, request: ServerRequest) -> np.ndarray:
    if not request.pci:
        return hosts.present
    return hosts.mask_of_rows([row for row in hosts.with_pci if has(hosts.at(row).pci, request.pci)])


def has(pools: Iterable[PciPool], wanted: tuple[PciRequest, ...]) -> bool:
    """Whether the pools have all that is wanted together. Those that ask for the most particular kinds choose first."""
    left = [(pool, pool.count) for pool in pools]
    for request in sorted(wanted, key=lambda r: len(r.devices)):
        missing = request.count
        for at, (pool, count) in enumerate(left):
            if missing and any(device.matches(pool) for device in request.devices):
                taken = min(missing, count)
                left[at], missing = (pool, count - taken), missing - taken
        if missing:
            return False
    return True
