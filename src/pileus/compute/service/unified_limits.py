"""Unified limits: identity keeps what projects may have of compute's resources, and compute enforces it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

#: What identity calls a resource of compute → what compute calls it.
NAMES = {"servers": "instances", "class:VCPU": "cores", "class:MEMORY_MB": "ram", "server_metadata_items": "metadata_items",
         "server_key_pairs": "key_pairs", "server_groups": "server_groups", "server_group_members": "server_group_members"}


class UnifiedLimits:
    def __init__(self, identity: Any):
        self.identity = identity

    async def of(self, project_id: str) -> dict[str, int]:
        """resource → limit. What nobody registered nobody may have any of."""
        compute = {service.id for service in await self.identity.services.list_services([]) if service.type == "compute"}
        registered = {r.id: r for r in await self.identity.limits.list_registered([])
                      if r.service_id in compute and r.resource_name in NAMES}
        found = dict.fromkeys(NAMES.values(), 0) | {NAMES[r.resource_name]: r.default_limit for r in registered.values()}
        for limit, of in await self.identity.limits.matching({project_id}, []):
            if of.id in registered:
                found[NAMES[of.resource_name]] = limit.resource_limit
        return found
