"""The filters and sort keys of a list of servers (compute API reference, List Servers)."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from typing import Any

from pileus.compute.api.query import ALWAYS, Parameters, changes, moment_of
from pileus.compute.model.server import ACTIVE, BUILDING, DELETED, ERROR, PAUSED, STOPPED, SUSPENDED
from pileus.compute.store.servers import SORT_KEYS, ServerFilter
from pileus.core.context import EVERYONE
from pileus.core.errors import Forbidden, Invalid
from pileus.core.http import Request, since

#: status of the API → (vm_states, task_states; None: any)
STATUS: dict[str, tuple[list[str], list[str | None] | None]] = {
    "active": ([ACTIVE], None), "build": ([BUILDING], None), "deleted": ([DELETED], None), "error": ([ERROR], None),
    "hard_reboot": ([ACTIVE, STOPPED, PAUSED, SUSPENDED, ERROR], ["rebooting_hard"]), "paused": ([PAUSED], None),
    "reboot": ([ACTIVE], ["rebooting"]), "shutoff": ([STOPPED], None), "suspended": ([SUSPENDED], None),
    "migrating": ([ACTIVE], ["migrating"]), "password": ([ACTIVE], ["updating_password"]), "rebuild": ([ACTIVE], ["rebuilding"]),
    "resize": ([ACTIVE], ["resize_prep"]), "verify_resize": (["resized"], None), "revert_resize": (["resized"], ["resize_reverting"]),
    "rescue": (["rescued"], None), "shelved": (["shelved"], None), "shelved_offloaded": (["shelved_offloaded"], None),
    "soft_deleted": (["soft-delete"], None), "unknown": ([], None),
}
#: Every parameter that a list of servers takes, whether it means anything here or not.
NAMES = (
    "access_ip_v4", "access_ip_v6", "all_tenants", "auto_disk_config", "availability_zone", "block_device_mapping",
    "changes-since", "config_drive", "created_at", "deleted", "description", "display_description", "display_name", "flavor", "host",
    "hostname", "image", "image_ref", "info_cache", "ip", "ip6", "kernel_id", "key_name", "launch_index", "launched_at", "limit",
    "locked_by", "marker", "metadata", "name", "node", "pci_devices", "power_state", "progress", "project_id", "ramdisk_id",
    "reservation_id", "root_device_name", "security_groups", "services", "soft_deleted", "sort_dir", "sort_key", "status",
    "system_metadata", "task_state", "tenant_id", "terminated_at", "user_id", "uuid", "vm_state",
)  # fmt: skip
TAGS = ("tags", "tags-any", "not-tags", "not-tags-any")
LIST = Parameters(
    dict.fromkeys(NAMES, ALWAYS) | dict.fromkeys(TAGS, since(2, 26)) | {"changes-before": since(2, 66), "locked": since(2, 73)})
#: Parameters that are tables of Nova's, which nobody may filter by.
TABLES = frozenset({"block_device_mapping", "info_cache", "metadata", "pci_devices", "security_groups", "services", "system_metadata"})
#: Who may filter by what only administrators know.
ALL_FILTERS = "os_compute_api:servers:allow_all_filters"
#: Query parameter → field of ServerFilter, for those taken as they are.
PLAIN = {"name": "name", "flavor": "flavor_id", "image": "image_id", "reservation_id": "reservation_id"}
#: For administrators; from 2.83 some of them for everybody.
ADMIN = {"host": "host", "node": "host_id", "user_id": "user_id", "availability_zone": "availability_zone", "key_name": "key_name",
         "description": "description", "display_description": "description", "hostname": "hostname", "access_ip_v4": "access_ip_v4",
         "access_ip_v6": "access_ip_v6"}
SINCE_83 = frozenset({"availability_zone", "config_drive", "key_name", "created_at", "launched_at", "terminated_at", "power_state",
                      "task_state", "vm_state", "progress", "user_id"})


async def wanted(req: Request) -> ServerFilter:
    """What the query asks for. Raises Invalid, and Forbidden for what only administrators may ask."""
    query, admin = req.query, req.allows(ALL_FILTERS)
    for key in query if admin else ():
        if key in TABLES or key.startswith("_"):
            raise Invalid(f"Invalid filter field: {key}.")
    values: dict[str, Any] = {"scope": _scope(req), "sort": _sort(req)}
    for key, field in PLAIN.items():
        if key in query:
            values[field] = query.get(key)
    for key, field in ADMIN.items():
        if key in query and (admin or (req.version >= (2, 83) and key in SINCE_83)):
            values[field] = query.get(key)
    if values.get("host_id"):
        node = values.pop("host_id")
        values["host_id"] = next((h.id for h in await req.services.compute.hosts.all() if h.inventory.hypervisor_hostname == node), node)
    if admin and values["scope"] == EVERYONE and (project := query.get("project_id") or query.get("tenant_id")):
        values["project_id"] = project
    values |= _states(req)
    if admin or req.version >= (2, 83):
        values |= {k: v for k in ("created_at", "launched_at", "terminated_at") if (v := moment_of(query, k)) is not None}
        if "config_drive" in query:
            values["config_drive"] = query.flag("config_drive")
        if "power_state" in query:
            values["power_state"] = query.integer("power_state")
    if admin and "launch_index" in query:
        values["launch_index"] = query.integer("launch_index")
    if req.version >= (2, 73) and "locked" in query:
        values["locked"] = query.flag("locked")
    values["changes_since"], values["changes_before"] = changes(query, before=req.version >= (2, 66))
    values["deleted"] = _deleted(req, values)
    ids = await _ids(req)
    if admin and (asked := set(query.all("uuid"))):
        ids = asked if ids is None else ids & asked
    if ids is not None:
        values["ids"] = ids
    for key in ("name", "description", "hostname"):
        if values.get(key) is not None:
            _pattern(values[key], key)
    return ServerFilter(**values)


def _scope(req: Request) -> str | None:
    """Everybody's servers only for those who may and who ask."""
    query = req.query
    asked = "all_tenants" in query and (query.get("all_tenants") == "" or query.flag("all_tenants"))
    if asked:
        req.enforce(f"os_compute_api:servers:{'detail' if req.path.endswith('/detail') else 'index'}:get_all_tenants")
        return EVERYONE
    return req.who.project_id or (EVERYONE if req.who.is_admin else None)


def _states(req: Request) -> dict[str, Any]:
    query = req.query
    found: dict[str, Any] = {}
    if statuses := query.all("status"):
        known = [STATUS.get(s.lower(), ([], None)) for s in statuses]
        if any(s.lower() == "deleted" for s in statuses) and not req.who.is_admin:
            raise Forbidden("Only administrators may list deleted servers")
        found["vm_states"] = sorted({vm for vms, _ in known for vm in vms})
        if not found["vm_states"] and req.version >= (2, 38):
            raise Invalid("Invalid status value")
        tasks = [t for _, ts in known for t in ts or ()]
        if tasks and all(ts for _, ts in known):
            found["task_states"] = tasks
    if (req.allows(ALL_FILTERS) or req.version >= (2, 83)) and "vm_state" in query:
        found["vm_states"] = query.all("vm_state")
    if (req.allows(ALL_FILTERS) or req.version >= (2, 83)) and "task_state" in query:
        found["task_states"] = query.all("task_state")
    return found


def _deleted(req: Request, values: dict[str, Any]) -> bool | None:
    """Deleted ones are shown to those who ask what changed, and to administrators who ask for them."""
    if req.allows(ALL_FILTERS) and "deleted" in req.query:
        return bool(req.query.flag("deleted"))
    if values.get("vm_states") == [DELETED]:
        return True
    return None if values["changes_since"] else False


def _sort(req: Request) -> tuple[tuple[str, str], ...]:
    keys, directions = req.query.all("sort_key"), req.query.all("sort_dir")
    names = {"display_name": "display_name", "name": "display_name", "id": "uuid", "tenant_id": "project_id"}
    found = []
    for i, key in enumerate(keys):
        name = names.get(key, key)
        direction = directions[i] if i < len(directions) else "desc"
        if name not in SORT_KEYS or direction not in ("asc", "desc"):
            raise Invalid(f"Invalid input for query parameters sort_key or sort_dir. Value: {key} {direction}.")
        found.append((name, direction))
    return tuple(found) or (("created_at", directions[0] if directions else "desc"),)


async def _ids(req: Request) -> set[str] | None:
    """Servers by address, tag or host status: found elsewhere, then asked for by id."""
    query, found = req.query, None
    for key, version in (("ip", 4), ("ip6", 6)):
        if key in query and (version == 4 or req.version >= (2, 5) or req.allows(ALL_FILTERS)):
            _pattern(query.get(key), key)
            devices = await req.services.network.devices_by_address(query.get(key), version)
            found = devices if found is None else found & devices
    if req.version >= (2, 26):
        for key in TAGS:
            if key in query:
                tagged = await req.services.compute.servers.tagged(key, set((query.get(key) or "").split(",")))
                found = tagged if found is None else found & tagged
    return found


def _pattern(text: str | None, key: str) -> None:
    try:
        re.compile(text or "")
    except re.error as problem:
        raise Invalid(f"Invalid regular expression for {key}: {text!r}.") from problem
