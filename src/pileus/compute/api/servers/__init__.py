"""The servers resource: `crud.py` order, list, show, change, delete; `actions.py` what is done to one; `parts.py` its parts
(metadata, tags, addresses, interfaces, action records); `bodies.py` and `views.py` what goes in and out."""

# SPDX-License-Identifier: Apache-2.0
from pileus.compute.api.servers import actions, crud, inside, parts
from pileus.compute.api.servers.verbs import live_migrate

ROUTES = [*crud.ROUTES, *actions.ROUTES, *parts.ROUTES, *inside.ROUTES, *live_migrate.ROUTES]
