"""The default rules of what is beside the resources proper: filters of the catalog, limits, domain configuration, consumers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.identity.personas import ADMIN, ADMIN_OR_READER, ANY, GLOBAL, Rules

_CATALOG_READS = (
    "list_projects_for_endpoint",
    "check_endpoint_in_project",
    "list_endpoints_for_project",
    "list_endpoint_groups",
    "list_endpoint_groups_for_project",
    "get_endpoint_group",
    "list_projects_associated_with_endpoint_group",
    "list_endpoints_associated_with_endpoint_group",
    "get_endpoint_group_in_project",
)
_CATALOG_CHANGES = (
    "add_endpoint_to_project",
    "remove_endpoint_from_project",
    "create_endpoint_group",
    "update_endpoint_group",
    "delete_endpoint_group",
    "add_endpoint_group_to_project",
    "remove_endpoint_group_from_project",
)
_CONFIG_READS = ("get_domain_config", "get_domain_config_default")
_CONFIG_CHANGES = ("create_domain_config", "update_domain_config", "delete_domain_config")
_OWN_LIMIT = (
    f"{ADMIN_OR_READER} or domain_id:%(target.limit.domain_id)s or domain_id:%(target.limit.project.domain_id)s"
    " or project_id:%(target.limit.project_id)s"
)
_FOR_ENDPOINTS = [f"policy_association_for_{place}" for place in ("endpoint", "service", "region_and_service")]
_ENDPOINT_POLICY_READS = ("get_policy_for_endpoint", "list_endpoints_for_policy", *(f"check_{rule}" for rule in _FOR_ENDPOINTS))
_ENDPOINT_POLICY_CHANGES = tuple(f"{verb}_{rule}" for rule in _FOR_ENDPOINTS for verb in ("create", "delete"))
_FEDERATION = ("identity_provider", "protocol", "mapping", "service_provider")

RULES: Rules = {
    **{rule: (ADMIN_OR_READER, GLOBAL) for rule in (*_CATALOG_READS, *_CONFIG_READS, *_ENDPOINT_POLICY_READS)},
    **{rule: (ADMIN_OR_READER, GLOBAL) for rule in ("list_consumers", "get_consumer")},
    **{rule: (ADMIN, GLOBAL) for rule in (*_CATALOG_CHANGES, *_CONFIG_CHANGES, *_ENDPOINT_POLICY_CHANGES)},
    **{f"{verb}_consumer": (ADMIN, GLOBAL) for verb in ("create", "update", "delete")},
    **{rule: (ADMIN_OR_READER, GLOBAL) for kind in _FEDERATION for rule in (f"get_{kind}", f"list_{kind}s")},
    **{f"{verb}_{kind}": (ADMIN, GLOBAL) for kind in _FEDERATION for verb in ("create", "update", "delete")},
    "get_security_compliance_domain_config": ("", ANY),
    "get_limit_model": ("", ANY),
    "get_limit": (_OWN_LIMIT, ANY),
    "list_limits": ("", ANY),
    "get_registered_limit": ("", ANY),
    "list_registered_limits": ("", ANY),
    **{f"{verb}_limit{s}": (ADMIN, GLOBAL) for verb, s in (("create", "s"), ("update", ""), ("delete", ""))},
    **{f"{verb}_registered_limit{s}": (ADMIN, GLOBAL) for verb, s in (("create", "s"), ("update", ""), ("delete", ""))},
}
