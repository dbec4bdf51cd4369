"""Who may do what in placement: administrators and services; a project's members see its own usage."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.policy import Default

OPERATORS = "rule:admin_required or role:service"
P, A = "placement:resource_providers:", "placement:allocations:"
NAMES = [
    P + "list", P + "create", P + "show", P + "update", P + "delete", P + "usages", P + "inventories:list", P + "inventories:create",
    P + "inventories:show", P + "inventories:update", P + "inventories:delete", P + "traits:list", P + "traits:update", P + "traits:delete",
    P + "aggregates:list", P + "aggregates:update", P + "allocations:list", A + "list", A + "update", A + "delete", A + "manage",
    "placement:allocation_candidates:list", "placement:traits:list", "placement:traits:show",
    "placement:traits:update", "placement:traits:delete", "placement:resource_classes:list", "placement:resource_classes:create",
    "placement:resource_classes:show", "placement:resource_classes:update", "placement:resource_classes:delete",
]
DEFAULTS: dict[str, Default] = {name: Default(OPERATORS, ("project",)) for name in NAMES} | {
    "placement:reshaper:reshape": Default("role:service", ("project",)),
    "placement:usages": Default(f"{OPERATORS} or (role:reader and project_id:%(project_id)s)", ("project",)),
}
