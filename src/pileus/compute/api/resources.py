"""The routes of everything that is not a server."""

# SPDX-License-Identifier: Apache-2.0
from pileus.compute.api import flavor_access, flavor_extra_specs, flavors, keypairs

ROUTES = [
    *flavors.ROUTES,
    *flavor_access.ROUTES,
    *flavor_extra_specs.ROUTES,
    *keypairs.ROUTES,
]
