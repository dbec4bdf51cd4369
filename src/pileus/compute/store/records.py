"""The tables of servers and of what happens to them, together."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.compute.store.actions import ServerActions
from pileus.compute.store.migrations import Migrations
from pileus.compute.store.servers import Servers
from pileus.core.kit import Kit


class Records(msgspec.Struct, frozen=True, kw_only=True):
    servers: Servers
    actions: ServerActions
    migrations: Migrations

    @classmethod
    def of(cls, kit: Kit) -> Records:
        return cls(servers=Servers(kit.db), actions=ServerActions(kit.db, kit.clock), migrations=Migrations(kit.db))
