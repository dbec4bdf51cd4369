"""A migration: the record of a server's move to another host, or to another flavor on the same one.

Its `uuid` is what holds the source's resources in placement until the move is confirmed, so that it can be taken back. While
`status` is one of OPEN the server may have a guest on both hosts, and neither is an orphan.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from pileus.compute.hypervisor.base import Progress
from pileus.compute.model.flavor import Flavor

MigrationType = Literal["migration", "resize", "live-migration", "evacuation"]
#: The statuses in which a move is under way or waits to be confirmed.
OPEN = frozenset({"accepted", "queued", "preparing", "pre-migrating", "migrating", "post-migrating", "running", "finished", "confirming",
                  "reverting"})


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    id: int = 0                             # counted by the database
    uuid: str
    server_id: str
    project_id: str
    user_id: str
    type: MigrationType
    status: str
    source_host: str | None = None
    source_host_id: str | None = None       # resource provider
    source_node: str | None = None
    dest_host: str | None = None
    dest_host_id: str | None = None
    dest_node: str | None = None
    old_flavor: Flavor
    new_flavor: Flavor
    old_vm_state: str                       # what a revert goes back to
    progress: Progress | None = None        # of a live migration that has ended
    created_at: datetime
    updated_at: datetime

    @property
    def same_host(self) -> bool:
        return self.source_host == self.dest_host
