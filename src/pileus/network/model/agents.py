"""Network agents, as they report themselves and as they are remembered."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime

import msgspec


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent says of itself, every now and then."""

    host: str
    underlay: str = ""                      # its address towards other hosts
    datapath: str = ""
    bridges: dict[str, str] = {}
    started: bool = False                   # the first one since it began: it knows nothing yet


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    host: str
    underlay: str = ""
    datapath: str = ""
    bridges: dict[str, str] = {}
    admin_state_up: bool = True
    description: str = ""
    generation: int = 0                     # of the newest state that was built for it
    created_at: datetime
    started_at: datetime
    heartbeat_at: datetime
