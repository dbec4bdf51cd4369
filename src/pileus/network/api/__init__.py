"""The Networking API, version 2.0, with its extensions: one file per resource."""

# SPDX-License-Identifier: Apache-2.0
from pileus.core.http import Api
from pileus.network.api import (
    address_scopes,
    agents,
    extensions,
    floatingips,
    ip_availability,
    networks,
    ports,
    quotas,
    rbac,
    routers,
    security_groups,
    subnetpools,
    subnets,
    tags,
    versions,
)
from pileus.network.api.errors import render

RESOURCES = (
    versions,
    extensions,
    networks,
    subnets,
    subnetpools,
    address_scopes,
    ports,
    routers,
    floatingips,
    security_groups,
    quotas,
    tags,
    rbac,
    agents,
    ip_availability,
)
ROUTES = [route for resource in RESOURCES for route in resource.ROUTES]

API = Api(name="network", root="/network", routes=ROUTES, render=render, max_body=8 << 20)
