"""A server group: servers whose hosts are chosen with an eye on each other."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime

import msgspec

ANTI_AFFINITY = "anti-affinity"


class ServerGroup(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    project_id: str
    user_id: str
    name: str
    policy: str  # affinity | anti-affinity | soft-affinity | soft-anti-affinity
    rules: dict[str, int] = {}  # max_server_per_host, of anti-affinity
    created_at: datetime
