"""What makes a host's network: one contract (`base`), a driver per data plane, chosen by name.

Drivers import `base` and their own helpers, and nothing above them: no database, no bus, no HTTP.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib

from pileus.network.datapath.base import Datapath

#: Name in the configuration → where its class is. Imported when it is chosen, so that no other driver costs start-up time.
DATAPATHS = {
    "linux": "pileus.network.datapath.linux:Linux",
    "simulated": "pileus.network.datapath.simulated:Simulated",
}


def driver(name: str) -> type[Datapath]:
    """The driver's class. Raises KeyError for a name that is not in DATAPATHS."""
    module, _, attribute = DATAPATHS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)
