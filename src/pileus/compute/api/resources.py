"""The routes of everything that is not a server."""

# SPDX-License-Identifier: Apache-2.0
from pileus.compute.api import (
    aggregates,
    availability_zones,
    extensions,
    flavor_access,
    flavor_extra_specs,
    flavors,
    hypervisors,
    keypairs,
    limits,
    os_hosts,
    os_services,
    quota_class_sets,
    quota_sets,
    server_groups,
    tenant_usage,
    usage_audit,
    versions,
)

ROUTES = [
    *versions.ROUTES,
    *flavors.ROUTES,
    *flavor_access.ROUTES,
    *flavor_extra_specs.ROUTES,
    *keypairs.ROUTES,
    *limits.ROUTES,
    *quota_sets.ROUTES,
    *quota_class_sets.ROUTES,
    *server_groups.ROUTES,
    *os_services.ROUTES,
    *hypervisors.ROUTES,
    *os_hosts.ROUTES,
    *aggregates.ROUTES,
    *availability_zones.ROUTES,
    *tenant_usage.ROUTES,
    *extensions.ROUTES,
    *usage_audit.ROUTES,
]
