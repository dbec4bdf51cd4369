"""What makes a host run guests: one contract (`base`), a driver per hypervisor, chosen by name.

Drivers import `base` and their own helpers, and nothing above them: no database, no bus, no HTTP.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib

from pileus.compute.hypervisor.base import Hypervisor

#: Name in the configuration → where its class is. Imported when it is chosen, so that no other driver costs start-up time.
HYPERVISORS = {
    "qemu": "pileus.compute.hypervisor.qemu:Qemu",
    "simulated": "pileus.compute.hypervisor.simulated:Simulated",
}


def driver(name: str) -> type[Hypervisor]:
    """The driver's class. Raises KeyError for a name that is not in HYPERVISORS."""
    module, _, attribute = HYPERVISORS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)
