"""How a server is shown: at the newest version, less what came after the one asked for.

`LATER` is the list of fields by the microversion that brought them; the fields above it are those of 2.1.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from pileus.compute.model.host import Host
from pileus.compute.model.image_properties import STANDARD
from pileus.compute.model.server import ACTIVE, BUILDING, DELETED, ERROR, Server
from pileus.core.clock import iso
from pileus.core.http import Request

#: Statuses that show how far a task is.
PROGRESSES = frozenset({"ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"})


HOST_STATUS = frozenset({"UP", "DOWN", "MAINTENANCE", "UNKNOWN", ""})


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What all servers of one answer have in common, read once for all of them."""

    req: Any
    version: tuple[int, int]
    ports: dict[str, list[Any]]             # server id → its ports with networks, addresses, groups
    hosts: dict[str, Host]                  # by name, when there is something to be shown of them
    groups: dict[str, list[str]]            # server id → server groups; only filled for one server
    host_attributes: bool                   # administrators see where a server is
    host_status: frozenset[str]             # the words about its host that may be shown
    extra_specs: bool
    detail: bool                            # a list, where some fields of one server are missing
    origin: str                             # of all links
    later: tuple[tuple[str, Any], ...] = () # the fields of LATER that there are
    known: dict[Any, Any] = {}              # what many servers have in common, once it was found out


async def shown(req: Request, servers: list[Server], *, detail: bool = False) -> Shown:
    compute, ids = req.services.compute, [s.id for s in servers]
    groups = {}
    if not detail and req.version >= (2, 71):
        groups = await compute.server_groups.groups_of(ids)
    attributes, words = req.allows("os_compute_api:os-extended-server-attributes"), _host_words(req)
    return Shown(req=req, version=req.version, ports=await req.services.network.ports_of_devices(ids),
                 hosts={h.host: h for h in await compute.hosts.all()} if servers and (attributes or words) else {}, groups=groups,
                 host_attributes=attributes, host_status=words,
                 extra_specs=req.allows("os_compute_api:servers:show:flavor-extra-specs"), detail=detail, origin=req.origin,
                 later=later(req.version, detail=detail), known={})


def _host_words(req: Request) -> frozenset[str]:
    """Whom an operator lets see no more, sees at least that nobody knows how a server's host is."""
    if req.allows("os_compute_api:servers:show:host_status"):
        return HOST_STATUS
    return frozenset({"UNKNOWN"} if req.allows("os_compute_api:servers:show:host_status:unknown-only") else ())


def links(req: Any, kind: str, id: str) -> list[dict[str, str]]:
    root = f"{req.origin}/compute"
    return [{"rel": "self", "href": f"{root}/v2.1/{kind}/{id}"}, {"rel": "bookmark", "href": f"{root}/{kind}/{id}"}]


def bookmark(req: Any, kind: str, id: str) -> dict[str, str]:
    return {"rel": "bookmark", "href": f"{req.origin}/compute/{kind}/{id}"}


def show_brief(server: Server, req: Any) -> dict[str, Any]:
    return {"id": server.id, "name": server.name, "links": links(req, "servers", server.id)}


def show_server(server: Server, v: Shown) -> dict[str, Any]:
    view = _basic(server, v) | {
        "key_name": server.key_name,
        "config_drive": "True" if server.config_drive else "",
        "OS-EXT-AZ:availability_zone": server.availability_zone or "",
        "OS-EXT-STS:task_state": server.task_state,
        "OS-EXT-STS:vm_state": server.vm_state,
        "OS-EXT-STS:power_state": int(server.power_state),
        "OS-SRV-USG:launched_at": _bare(server.launched_at),
        "OS-SRV-USG:terminated_at": _bare(server.terminated_at),
        "os-extended-volumes:volumes_attached": [],
        "addresses": show_addresses(v.ports.get(server.id, ()), mac=True),
    }
    if groups := security_groups(v.ports.get(server.id, ()), server):
        view["security_groups"] = [{"name": name} for name in groups]
    if v.host_attributes:
        view |= _host_attributes(server, v)
    elif v.version >= (2, 90):
        view["OS-EXT-SRV-ATTR:hostname"] = server.hostname
    if v.version >= (2, 16) and v.host_status:
        key = ("status", server.host)
        status = v.known[key] if key in v.known else v.known.setdefault(key, _host_status(server, v))
        if status in v.host_status:
            view["host_status"] = status
    return view


def show_update(server: Server, v: Shown) -> dict[str, Any]:
    """What a change or a rebuild answers before 2.75: the server without its extensions."""
    return _basic(server, v) | {"addresses": show_addresses(v.ports.get(server.id, ()), mac=v.version >= (2, 3))}


def _basic(server: Server, v: Shown) -> dict[str, Any]:
    view: dict[str, Any] = {
        "id": server.id, "name": server.name, "status": server.status, "tenant_id": server.project_id, "user_id": server.user_id,
        "metadata": server.metadata, "hostId": _host_id(server, v), "created": iso(server.created_at), "updated": iso(server.updated_at),
        "image": {"id": server.image_id, "links": [bookmark(v, "images", server.image_id)]} if server.image_id else "",
        "flavor": _flavor(server, v), "links": links(v, "servers", server.id),
        "accessIPv4": server.access_ip_v4 or "", "accessIPv6": server.access_ip_v6 or "", "OS-DCF:diskConfig": server.disk_config,
    }
    if server.status in PROGRESSES:
        view["progress"] = 100 if server.vm_state == ACTIVE and server.task_state is None else server.progress
    if server.fault is not None and server.vm_state in (ERROR, DELETED):
        view["fault"] = {"code": server.fault.code, "created": iso(server.fault.created), "message": server.fault.message}
        if v.req.who.is_admin and server.fault.details:
            view["fault"]["details"] = server.fault.details
    for key, show in v.later:
        view[key] = show(server, v)
    if v.version >= (2, 98) and server.image_id:
        view["image"]["properties"] = {name: value for key, value in server.system_metadata.items()
                                       if key.startswith("image_") and (name := key.removeprefix("image_")) in STANDARD}
    return view


LATER = [
    ((2, 9), "locked", lambda s, v: s.locked_by is not None),
    ((2, 19), "description", lambda s, v: s.description),
    ((2, 26), "tags", lambda s, v: s.tags),
    ((2, 63), "trusted_image_certificates", lambda s, v: s.trusted_image_certificates),
    ((2, 71), "server_groups", lambda s, v: v.groups.get(s.id, [])),
    ((2, 73), "locked_reason", lambda s, v: s.locked_reason),
    ((2, 96), "pinned_availability_zone", lambda s, v: s.pinned_zone),
    ((2, 100), "scheduler_hints", lambda s, v: s.scheduler_hints),
]
#: Fields of a server shown alone that lists leave out.
ONLY_ALONE = frozenset({"server_groups"})


def later(version: tuple[int, int], *, detail: bool) -> tuple[tuple[str, Any], ...]:
    """The fields of LATER that a version has."""
    return tuple((key, show) for since, key, show in LATER if version >= since and not (detail and key in ONLY_ALONE))


def _flavor(server: Server, v: Shown) -> dict[str, Any]:
    flavor = server.flavor
    if v.version < (2, 47):
        return {"id": server.flavor_id, "links": [bookmark(v, "flavors", server.flavor_id)]}
    view = {"original_name": flavor.name, "vcpus": flavor.vcpus, "ram": flavor.memory_mb, "disk": flavor.root_gib,
            "ephemeral": flavor.ephemeral_gib, "swap": flavor.swap_mb}
    if v.extra_specs:
        view["extra_specs"] = flavor.extra_specs
    return view


def _host_attributes(server: Server, v: Shown) -> dict[str, Any]:
    host = v.hosts.get(server.host) if server.host else None
    view: dict[str, Any] = {
        "OS-EXT-SRV-ATTR:host": server.host,
        "OS-EXT-SRV-ATTR:instance_name": server.guest_name,
        "OS-EXT-SRV-ATTR:hypervisor_hostname": host.inventory.hypervisor_hostname if host else None,
    }
    if v.version >= (2, 3):
        image = server.system_metadata
        view |= {"OS-EXT-SRV-ATTR:reservation_id": server.reservation_id, "OS-EXT-SRV-ATTR:launch_index": server.launch_index,
                 "OS-EXT-SRV-ATTR:kernel_id": image.get("image_kernel_id", ""),
                 "OS-EXT-SRV-ATTR:ramdisk_id": image.get("image_ramdisk_id", ""),
                 "OS-EXT-SRV-ATTR:hostname": server.hostname, "OS-EXT-SRV-ATTR:root_device_name": "/dev/vda",
                 "OS-EXT-SRV-ATTR:user_data": server.user_data}
    return view


def _host_status(server: Server, v: Shown) -> str:
    host = v.hosts.get(server.host) if server.host else None
    if host is None:
        return ""
    if host.forced_down:
        return "DOWN"
    if host.disabled:
        return "MAINTENANCE"
    return "UP" if v.req.services.compute.hosts.is_up(host, v.req.services.compute.kit.clock.now()) else "UNKNOWN"


def _host_id(server: Server, v: Shown) -> str:
    key = (server.project_id, server.host)
    return v.known[key] if key in v.known else v.known.setdefault(key, host_id(server))


def host_id(server: Server) -> str:
    """The same for all servers of a project on one host, and of no use to find out which host that is."""
    return hashlib.sha224(f"{server.project_id}{server.host}".encode()).hexdigest() if server.host else ""


def show_addresses(ports: Any, *, mac: bool) -> dict[str, list[dict[str, Any]]]:
    """Network name → addresses, fixed and floating."""
    found: dict[str, list[dict[str, Any]]] = {}
    for port in ports:
        entries = found.setdefault(port.network_name, [])
        for address in port.addresses:
            entries.append(_address(address.ip, "fixed", port, mac))
        for _, ip in port.floating_ips:
            entries.append(_address(ip, "floating", port, mac))
    return found


def _address(ip: str, kind: str, port: Any, mac: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"version": 6 if ":" in ip else 4, "addr": ip}
    if mac:
        entry["OS-EXT-IPS:type"], entry["OS-EXT-IPS-MAC:mac_addr"] = kind, port.mac_address
    return entry


def security_groups(ports: Any, server: Server) -> list[str]:
    """Names of the groups of all ports; while there are no ports, those that were asked for."""
    names = [name for port in ports for name in port.security_groups]
    return names if ports else list(server.security_groups) if server.vm_state == BUILDING else []


def _bare(moment: Any) -> str | None:
    """These two come with microseconds and without a zone."""
    return moment.isoformat(timespec="microseconds")[:26] if moment else None


