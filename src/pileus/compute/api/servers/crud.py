"""Order, list, show, change and delete servers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus.compute.api.servers.block_devices import is_blank, local_disks
from pileus.compute.api.servers.bodies import Hints, NetworkWanted, ServerCreate, ServerNew, ServerUpdate
from pileus.compute.api.servers.query import wanted
from pileus.compute.api.servers.values import address, boolean, count, decoded_base64, given
from pileus.compute.api.servers.views import links, show_brief, show_server, show_update, shown
from pileus.compute.errors import BlockDevicesInvalid
from pileus.compute.model.order import ServerOrder, WantedNetwork
from pileus.core.errors import Invalid
from pileus.core.http import Reply, Request, Route
from pileus.core.http.paging import next_link, page


async def list_servers(req: Request):
    found, link = await _list(req)
    return {"servers": [show_brief(s, req) for s in found]} | link


async def list_servers_detail(req: Request):
    found, link = await _list(req)
    view = await shown(req, found, detail=True)
    return {"servers": [show_server(s, view) for s in found]} | link


async def create_server(req: Request, body: ServerCreate):
    """Accept the order; the servers are built later (202)."""
    order = _order(req, body)
    password = order.admin_pass or req.services.compute.kit.ids.hex()[:12]
    servers, reservation = await req.services.compute.servers.create(req.who, msgspec.structs.replace(order, admin_pass=password))
    if boolean(body.server.return_reservation_id, "return_reservation_id"):
        return {"reservation_id": reservation}
    server = servers[0]
    view = {"id": server.id, "links": links(req, "servers", server.id), "OS-DCF:diskConfig": server.disk_config, "adminPass": password,
            "security_groups": [{"name": name} for name in server.security_groups]}
    return Reply(202, {"server": view}, {"location": view["links"][0]["href"]})


async def show(req: Request, server_id: str):
    server = await req.services.compute.servers.get(server_id, req.who)
    return {"server": show_server(server, await shown(req, [server]))}


async def update_server(req: Request, server_id: str, body: ServerUpdate):
    values = {f: v for f in body.server.__struct_fields__ if (v := getattr(body.server, f)) is not msgspec.UNSET}
    for field, version in (("access_ip_v4", 4), ("access_ip_v6", 6)):
        if field in values:
            values[field] = address(values[field], version)
    server = await req.services.compute.servers.update(server_id, req.who, **values)
    render = show_server if req.version >= (2, 75) else show_update
    return {"server": render(server, await shown(req, [server]))}


async def delete_server(req: Request, server_id: str):
    await req.services.compute.servers.delete(server_id, req.who)


ROUTES = [
    Route("GET", "/v2.1/servers", list_servers, policy="os_compute_api:servers:index"),
    Route("GET", "/v2.1/servers/detail", list_servers_detail, policy="os_compute_api:servers:detail"),
    Route("POST", "/v2.1/servers", create_server, policy="os_compute_api:servers:create", body=ServerCreate, ok=202),
    Route("GET", "/v2.1/servers/{server_id}", show, policy="os_compute_api:servers:show"),
    Route("PUT", "/v2.1/servers/{server_id}", update_server, policy="os_compute_api:servers:update", body=ServerUpdate),
    Route("DELETE", "/v2.1/servers/{server_id}", delete_server, policy="os_compute_api:servers:delete", ok=204),
]


async def _list(req: Request):
    part = page(req)
    if req.query.get("limit") == "0":
        return [], {}
    found = await req.services.compute.servers.list(await wanted(req), limit=part.limit, marker=part.marker)
    link = next_link(req, found, part, found[-1].id) if (found and "limit" in req.query) or len(found) == part.limit else None
    return found, {"servers_links": [{"rel": "next", "href": link}]} if link else {}


def _order(req: Request, body: ServerCreate) -> ServerOrder:
    """The order that a body means. Raises Invalid, or PolicyForbids for what only administrators may ask."""
    new = body.server
    if req.version >= (2, 37) and new.networks is None:
        raise Invalid("Invalid input for field/attribute server. 'networks' is a required property")
    if req.version < (2, 37) and isinstance(new.networks, str):
        raise Invalid(f"Invalid input for field/attribute networks. Value: {new.networks}. It is not of type 'array'")
    zone, force_host, force_node = _zone(req, new)
    low = count(new.min_count, 1, "min_count")
    high = count(new.max_count, low, "max_count")
    if low > high:
        raise Invalid("min_count must be <= max_count")
    return ServerOrder(
        name=new.name, flavor_id=str(new.flavor), image_id=_image(new), networks=_networks(new.networks),
        key_name=given(new.key_name), metadata=new.metadata, tags=tuple(dict.fromkeys(new.tags)),
        description=new.description if req.version >= (2, 19) else new.name,
        hostname=given(new.hostname), user_data=_user_data(given(new.user_data)), config_drive=boolean(new.config_drive, "config_drive"),
        security_groups=tuple(dict.fromkeys(g.name for g in new.security_groups)) or ("default",), availability_zone=zone,
        force_host=force_host, force_node=force_node, wanted_host=given(new.host),
        wanted_node=given(new.hypervisor_hostname), scheduler_hints=_hints(body), min_count=low, max_count=high,
        disk_config=new.disk_config, access_ip_v4=address(new.access_ip_v4, 4), access_ip_v6=address(new.access_ip_v6, 6),
        admin_pass=new.admin_pass or None, files={f.path: decoded_base64(f.contents, "Personality") for f in new.personality},
        trusted_image_certificates=new.trusted_image_certificates, local_disks=local_disks(new.block_device_mapping_v2))


def _zone(req: Request, new: ServerNew) -> tuple[str | None, str | None, str | None]:
    """`zone:host:node` forces a host, for administrators; so is it to want one by `host` and `hypervisor_hostname`."""
    zone, host, node = given(new.availability_zone), None, None
    if zone and ":" in zone:
        zone, _, rest = zone.partition(":")
        host, _, node = rest.partition(":")
        req.enforce("os_compute_api:servers:create:forced_host")
    if given(new.host) or given(new.hypervisor_hostname):
        req.enforce("compute:servers:create:requested_destination")
    return zone or None, host or None, node or None


def _image(new: ServerNew) -> str:
    """The image of a server that boots from a local disk. Raises Invalid for volumes, which this cloud has none of yet."""
    devices = [device for device in new.block_device_mapping_v2 if not is_blank(device)]
    for device in devices:
        if device.source_type != "image" or device.destination_type not in (None, "local"):
            raise BlockDevicesInvalid(why="this cloud has no volumes; boot from an image onto a local disk.")
        if new.image and device.uuid != new.image:
            raise BlockDevicesInvalid(why="the image of the boot device is not the server's.")
    if new.block_device_mapping:
        raise BlockDevicesInvalid(why="this cloud has no volumes.")
    image = new.image or (devices[0].uuid if devices else None)
    if not image:
        raise Invalid("Invalid imageRef provided.")
    return image


def _networks(wanted: list[NetworkWanted] | str | None) -> tuple[WantedNetwork, ...] | str | None:
    if wanted is None or isinstance(wanted, str):
        return wanted
    return tuple(WantedNetwork(network_id=n.uuid, port_id=n.port, fixed_ip=n.fixed_ip, tag=given(n.tag)) for n in wanted)


def _hints(body: ServerCreate) -> dict[str, Any]:
    hints = {**body.old_hints, **body.hints}
    try:
        msgspec.convert(hints, Hints)
    except msgspec.ValidationError as problem:
        raise Invalid(f"Invalid scheduler hint: {problem}") from problem
    return hints


def _user_data(text: str | None) -> str | None:
    if text is not None:
        decoded_base64(text, "Userdata")
    return text
