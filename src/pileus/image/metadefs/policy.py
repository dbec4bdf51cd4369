"""Glance's rules of metadata definitions."""

# SPDX-License-Identifier: Apache-2.0
from pileus.core.policy import Default

PROJECT = ("project",)
ADMIN = Default("rule:metadef_admin", PROJECT)
SEEN = Default("rule:context_is_admin or (role:reader and (project_id:%(project_id)s or 'public':%(visibility)s))", PROJECT)
ITEMS = {"object": "objects", "property": "properties", "tag": "tags"}

DEFAULTS = {
    "metadef_default": Default(""),
    "metadef_admin": Default("rule:context_is_admin"),
    "get_metadef_namespaces": SEEN,
    "list_metadef_resource_types": SEEN,
    "get_metadef_resource_type": SEEN,
    **{f"get_metadef_{name}": SEEN for name in ("namespace", *ITEMS, *ITEMS.values())},
    **{f"{verb}_metadef_{name}": ADMIN for name in ("namespace", "object", "tag") for verb in ("add", "modify", "delete")},
    "add_metadef_tags": ADMIN,
    "delete_metadef_tags": ADMIN,
    "add_metadef_property": ADMIN,
    "modify_metadef_property": ADMIN,
    "remove_metadef_property": ADMIN,
    "add_metadef_resource_type_association": ADMIN,
    "remove_metadef_resource_type_association": ADMIN,
}
