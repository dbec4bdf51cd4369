"""Glance's HTTP face: v2."""

# SPDX-License-Identifier: Apache-2.0
from pileus.core.http import Api
from pileus.image.api import cache, data, images, imports, info, locations, members, schemas, tasks, versions
from pileus.image.api.errors import render
from pileus.image.api.metadefs import ROUTES as METADEFS

API = Api(name="image", root="/image", render=render,
          routes=[*versions.ROUTES, *images.ROUTES, *data.ROUTES, *imports.ROUTES, *tasks.ROUTES, *locations.ROUTES, *members.ROUTES,
                  *schemas.ROUTES, *info.ROUTES, *cache.ROUTES, *METADEFS],
          request_id_headers=("x-openstack-request-id",), empty_ids=True)
