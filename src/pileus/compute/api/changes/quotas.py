"""Microversions of limits, quota sets and quota classes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.http import Change
from pileus.core.http.microversion import without

LIMITS = frozenset({"os_compute_api:limits"})
SETS = frozenset(f"os_compute_api:os-quota-sets:{verb}" for verb in ("show", "detail", "defaults", "update"))
CLASSES = frozenset(f"os_compute_api:os-quota-class-sets:{verb}" for verb in ("show", "update"))

NETWORK = ("floating_ips", "fixed_ips", "security_groups", "security_group_rules")
INJECTED = ("injected_files", "injected_file_content_bytes", "injected_file_path_bytes")
NETWORK_LIMITS = (
    "maxTotalFloatingIps",
    "maxSecurityGroups",
    "maxSecurityGroupRules",
    "totalFloatingIpsUsed",
    "totalSecurityGroupsUsed",
)


def _absolute(*keys: str) -> Any:
    """Without these limits."""

    def convert(body: Any, req: Any) -> Any:
        for key in keys:
            body["limits"]["absolute"].pop(key)
        return body

    return convert


CHANGES = [
    Change(version=(2, 36), title="no limits of the network", on=SETS, retire=without(*NETWORK, under="quota_set")),
    Change(version=(2, 36), title="no limits of the network", on=LIMITS, retire=_absolute(*NETWORK_LIMITS)),
    Change(version=(2, 39), title="no limit of images' metadata", on=LIMITS, retire=_absolute("maxImageMeta")),
    Change(
        version=(2, 50),
        title="quota classes limit server groups, and the network no more",
        on=CLASSES,
        response=without("server_groups", "server_group_members", under="quota_class_set"),
        retire=without(*NETWORK, under="quota_class_set"),
    ),
    Change(version=(2, 57), title="no injected files", on=SETS, retire=without(*INJECTED, under="quota_set")),
    Change(version=(2, 57), title="no injected files", on=CLASSES, retire=without(*INJECTED, under="quota_class_set")),
    Change(version=(2, 57), title="no injected files", on=LIMITS, retire=_absolute("maxPersonality", "maxPersonalitySize")),
]
