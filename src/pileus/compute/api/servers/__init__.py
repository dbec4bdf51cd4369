"""The servers resource: `crud.py` order, list, show, change, delete; `actions.py` what is done to one; `parts.py` its parts
(metadata, tags, addresses, interfaces, action records); `bodies.py` and `views.py` what goes in and out.
`attachments.py` what other services attach to one."""

# SPDX-License-Identifier: Apache-2.0
from msgspec.structs import replace

from pileus.compute.api.query import Parameters, refusing
from pileus.compute.api.servers import actions, attachments, crud, inside, parts, query
from pileus.compute.api.servers.verbs import live_migrate

SERVERS = "/v2.1/servers"
#: Until 2.102 the first ones had a second name.
ALIASES = [replace(route, path=route.path.replace(SERVERS, "/v2.1/os-volumes_boot"), until=(2, 102))
           for route in (*crud.ROUTES, *actions.ROUTES)]
PARAMETERS = {
    SERVERS: query.LIST, SERVERS + "/detail": query.LIST,
    "/v2.1/os-volumes_boot": query.LIST, "/v2.1/os-volumes_boot/detail": query.LIST,
    parts.ACTIONS: parts.ACTION_PARAMETERS,
    attachments.ALL: attachments.PARAMETERS, attachments.EACH: Parameters({}, strict=(2, 97)),
}
ROUTES = refusing([*ALIASES, *crud.ROUTES, *actions.ROUTES, *parts.ROUTES, *attachments.ROUTES, *inside.ROUTES, *live_migrate.ROUTES],
                  PARAMETERS) + parts.TAG_ROUTES
