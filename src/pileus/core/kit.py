"""What every service is made of: one value, handed to each constructor by `cloud.py`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.core.bus import Bus
from pileus.core.clock import Clock
from pileus.core.db import Database
from pileus.core.ids import Ids
from pileus.core.metrics import Metrics
from pileus.core.periodic import Ticker
from pileus.core.policy import Policy
from pileus.core.saga import Sagas


class Kit(msgspec.Struct, frozen=True, kw_only=True):
    db: Database
    bus: Bus
    clock: Clock
    ids: Ids
    sagas: Sagas
    ticker: Ticker
    policy: Policy
    metrics: Metrics
    region: str = "RegionOne"
