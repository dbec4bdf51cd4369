"""What the proxy and the storage servers of one process are made of: one value, handed to each by `service.py`.

Nothing of it is decided here. Rings are by name (`account`, `container`, `object`, `object-1` …) and may be replaced while it runs.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pileus.core.clock import Clock
from pileus.core.ids import Ids
from pileus.object_store.model.names import Hashing
from pileus.object_store.model.policy import Policies
from pileus.object_store.ring.ring import Ring
from pileus.object_store.transport import Transport


class StoreKit(msgspec.Struct, frozen=True, kw_only=True):
    clock: Clock
    ids: Ids
    hashing: Hashing
    policies: Policies
    rings: Mapping[str, Ring]
    transport: Transport
