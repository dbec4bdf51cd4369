"""JSON schemas of metadata definitions, made from what requests are held to."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus.core.http import Request, Route
from pileus.image.metadefs import definitions as defs

#: name of the schema → what it is of, and the name of a list of them
ITEMS: dict[str, tuple[type[msgspec.Struct], str]] = {
    "namespace": (defs.Namespace, "namespaces"),
    "object": (defs.Object, "objects"),
    "property": (defs.NamedProperty, "properties"),
    "resource_type": (defs.Association, "resource_types"),
    "tag": (defs.Tag, "tags"),
}
#: Two of them are named otherwise in the schema than in its path.
NAMES = {"resource_type": "resource_type_association", "resource_types": "resource_type_associations"}
MOMENT = {"type": "string", "format": "date-time", "readOnly": True}
SHOWN: dict[str, Any] = {"created_at": MOMENT, "updated_at": MOMENT, "self": {"type": "string", "readOnly": True},
                         "schema": {"type": "string", "readOnly": True}}


async def show_schema(req: Request) -> dict[str, Any]:
    name = req.path.rpartition("/")[2]
    return schema_of(name) if name in ITEMS else list_schema(name)


ROUTES = [Route("GET", f"/v2/schemas/metadefs/{name}", show_schema, policy="image_schemas")
          for item, (_, several) in ITEMS.items() for name in (item, several)]


def schema_of(item: str) -> dict[str, Any]:
    """The schema of one resource, with what only answers have."""
    kind = ITEMS[item][0]
    (found,), definitions = msgspec.json.schema_components([kind], ref_template="#/definitions/{name}")
    own = definitions.pop(found["$ref"].rpartition("/")[2])
    properties = own["properties"] | ({} if item == "property" else SHOWN)
    return {"name": NAMES.get(item, item), "type": "object", "additionalProperties": False, "required": own.get("required", []),
            "properties": properties} | ({"definitions": definitions} if definitions else {})


def list_schema(several: str) -> dict[str, Any]:
    item = next(one for one, (_, name) in ITEMS.items() if name == several)
    schema = schema_of(item)
    definitions = schema.pop("definitions", None)
    name = NAMES.get(several, several)
    items = {"type": "object", "additionalProperties": schema} if several == "properties" else {"type": "array", "items": schema}
    attributes = {key: {"type": "string"} for key in ("first", "next", "schema")}
    links = [{"rel": rel, "href": "{" + key + "}"} for rel, key in (("first", "first"), ("next", "next"), ("describedby", "schema"))]
    found = {"name": name, "properties": {name: items} | attributes, "links": links}
    return found | ({"definitions": definitions} if definitions else {})
