"""Nova's HTTP face: v2.1 with microversions 2.1 to 2.104."""

# SPDX-License-Identifier: Apache-2.0
from pileus.compute.api import assisted_snapshots, consoles, external_events, migrations, proxies, removed, resources, servers
from pileus.compute.api.changes.resources import CHANGES as RESOURCE_CHANGES
from pileus.compute.api.changes.servers import CHANGES as SERVER_CHANGES
from pileus.compute.api.errors import render
from pileus.core.http import Api, Microversions

CHANGES = sorted([*RESOURCE_CHANGES, *SERVER_CHANGES], key=lambda change: change.version)
MICROVERSIONS = Microversions("compute", (2, 1), (2, 104), CHANGES, legacy_header="x-openstack-nova-api-version")
PARTS = (resources, servers, consoles, external_events, migrations, assisted_snapshots, proxies, removed)
ROUTES = [route for part in PARTS for route in part.ROUTES]
API = Api(name="compute", root="/compute", routes=ROUTES, render=render, microversions=MICROVERSIONS, empty_ids=True,
          request_id_headers=("x-openstack-request-id", "x-compute-request-id"))
