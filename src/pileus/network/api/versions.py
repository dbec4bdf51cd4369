"""/, /v2.0, and what has nothing to list."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.http import Request, Route

#: (name, collection)
RESOURCES = [
    ("network", "networks"), ("subnet", "subnets"), ("subnetpool", "subnetpools"), ("port", "ports"), ("router", "routers"),
    ("floatingip", "floatingips"), ("security_group", "security-groups"), ("security_group_rule", "security-group-rules"),
    ("address_scope", "address-scopes"), ("rbac_policy", "rbac-policies"), ("quota", "quotas"), ("agent", "agents"),
    ("availability_zone", "availability_zones"), ("network_ip_availability", "network-ip-availabilities"),
    ("service_provider", "service-providers"), ("extension", "extensions"),
]


async def list_versions(req: Request):
    return {"versions": [{"id": "v2.0", "status": "CURRENT", "links": [{"rel": "self", "href": req.url("/network/v2.0/")}]}]}


async def list_resources(req: Request):
    return {
        "resources": [
            {"name": name, "collection": collection, "links": [{"rel": "self", "href": req.url(f"/network/v2.0/{collection}")}]}
            for name, collection in RESOURCES
        ]
    }


async def list_service_providers(req: Request):
    """Services that need a provider chosen for them: there are none."""
    return {"service_providers": []}


ROUTES = [
    Route("GET", "/", list_versions),
    Route("GET", "/v2.0", list_resources, policy="regular_user"),
    Route("GET", "/v2.0/service-providers", list_service_providers, policy="get_service_provider"),
]
