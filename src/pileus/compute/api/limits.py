"""Limits: what a project may have and has, in one view."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.compute.api.query import ALWAYS, Parameters
from pileus.core.http import Request, Route

QUERY = Parameters({"tenant_id": ALWAYS})

#: The names of limits and of what is used, here and in quota sets.
LIMITS = {
    "maxTotalInstances": "instances",
    "maxTotalCores": "cores",
    "maxTotalRAMSize": "ram",
    "maxTotalKeypairs": "key_pairs",
    "maxServerMeta": "metadata_items",
    "maxServerGroups": "server_groups",
    "maxServerGroupMembers": "server_group_members",
    "maxImageMeta": "metadata_items",
    "maxPersonality": "injected_files",
    "maxPersonalitySize": "injected_file_content_bytes",
    "maxTotalFloatingIps": "floating_ips",
    "maxSecurityGroups": "security_groups",
    "maxSecurityGroupRules": "security_group_rules",
}
USED = {
    "totalInstancesUsed": "instances",
    "totalCoresUsed": "cores",
    "totalRAMUsed": "ram",
    "totalServerGroupsUsed": "server_groups",
}
#: Counted by the network service since; shown as nothing to those who still ask here.
ELSEWHERE = {"totalFloatingIpsUsed": 0, "totalSecurityGroupsUsed": 0}


async def show_limits(req: Request) -> dict[str, Any]:
    asked = QUERY.read(req)
    project_id = req.who.project_id or ""
    if "tenant_id" in asked:
        req.enforce("os_compute_api:limits:other_project")
        project_id = asked["tenant_id"]
    quotas = req.services.compute.quotas
    limits, used = await quotas.limits(project_id), await quotas.usage(project_id)
    absolute = {name: limits[of] for name, of in LIMITS.items()} | {name: used[of] for name, of in USED.items()} | ELSEWHERE
    return {"limits": {"rate": [], "absolute": absolute}}


ROUTES = [Route("GET", "/v2.1/limits", show_limits, policy="os_compute_api:limits")]
