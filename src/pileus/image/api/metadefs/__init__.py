"""Metadata definitions over HTTP: one module per kind of resource."""

# SPDX-License-Identifier: Apache-2.0
from pileus.image.api.metadefs import namespaces, objects, properties, resource_types, schemas, tags

ROUTES = [*namespaces.ROUTES, *objects.ROUTES, *properties.ROUTES, *tags.ROUTES, *resource_types.ROUTES, *schemas.ROUTES]
