"""Glance's rules."""

# SPDX-License-Identifier: Apache-2.0
from pileus.core.policy import Default
from pileus.image.metadefs.policy import DEFAULTS as METADEFS

PROJECT = ("project",)
ADMIN = Default("rule:context_is_admin", PROJECT)
MEMBER = Default("rule:context_is_admin or (role:member and project_id:%(project_id)s)", PROJECT)
READER = Default("rule:context_is_admin or (role:reader and project_id:%(project_id)s)", PROJECT)
SERVICE = Default("rule:service_or_admin", PROJECT)
SHARED_WITH = "project_id:%(member_id)s"
OPEN = " or ".join(f"'{visibility}':%(visibility)s" for visibility in ("community", "public", "shared"))
SEEN = f"(project_id:%(project_id)s or {SHARED_WITH} or {OPEN})"

DEFAULTS = {
    **METADEFS,
    "add_image": MEMBER,
    "get_image": Default(f"rule:context_is_admin or (role:reader and {SEEN})", PROJECT),
    "get_images": READER,
    "modify_image": MEMBER,
    "delete_image": MEMBER,
    "upload_image": MEMBER,
    "download_image": Default(f"rule:context_is_admin or (role:member and {SEEN})", PROJECT),
    "publicize_image": ADMIN,
    "communitize_image": MEMBER,
    "deactivate": MEMBER,
    "reactivate": MEMBER,
    "add_member": MEMBER,
    "delete_member": MEMBER,
    "get_member": Default(f"rule:context_is_admin or (role:reader and (project_id:%(project_id)s or {SHARED_WITH}))", PROJECT),
    "get_members": Default(f"rule:context_is_admin or (role:reader and (project_id:%(project_id)s or {SHARED_WITH}))", PROJECT),
    "modify_member": Default(f"rule:context_is_admin or (role:member and {SHARED_WITH})", PROJECT),
    "cache_image": ADMIN,
    "cache_list": ADMIN,
    "cache_delete": ADMIN,
    "cache_clean": ADMIN,
    "cache_prune": ADMIN,
    "list_cached_nodes": ADMIN,
    # Glance lets every caller with a token read these and has no rule for it: the names are ours.
    "add_image_location": Default("rule:service_or_admin or (role:member and project_id:%(project_id)s)", PROJECT),
    "fetch_image_location": SERVICE,
    "get_image_location": READER,
    "set_image_location": MEMBER,
    "restore_image": ADMIN,
    "image_schemas": Default("@"),
    "image_info": Default("@"),
    "stores_info_detail": Default("rule:service_or_admin", PROJECT),
    "copy_image": ADMIN,
    "delete_image_location": ADMIN,
    "download_from_store": Default(f"rule:context_is_admin or (role:member and {SEEN})", PROJECT),
    "get_task": READER,
    "tasks_api_access": ADMIN,
}
