"""Parts of a server: metadata, tags, addresses, interfaces, and the record of what was done to it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime
from typing import Any

from pileus.compute.api.query import Parameters, changes
from pileus.compute.api.servers.bodies import InterfaceAttach, InterfaceNew, MetadataBody, MetaItem, TagsBody
from pileus.compute.api.servers.values import given
from pileus.compute.api.servers.views import show_addresses
from pileus.compute.model.order import WantedNetwork
from pileus.core.errors import Invalid, NotFound
from pileus.core.http import Reply, Request, Route, since
from pileus.core.http.paging import next_link, page


# ---- metadata --------------------------------------------------------------------------------------------------------
async def list_metadata(req: Request, server_id: str):
    return {"metadata": (await req.services.compute.servers.get(server_id, req.who)).metadata}


async def replace_metadata(req: Request, server_id: str, body: MetadataBody):
    return {"metadata": await req.services.compute.servers.set_metadata(server_id, req.who, body.metadata, replace=True)}


async def update_metadata(req: Request, server_id: str, body: MetadataBody):
    return {"metadata": await req.services.compute.servers.set_metadata(server_id, req.who, body.metadata, replace=False)}


async def show_metadata_item(req: Request, server_id: str, key: str):
    metadata = (await req.services.compute.servers.get(server_id, req.who)).metadata
    if key not in metadata:
        raise NotFound("Metadata item was not found")
    return {"meta": {key: metadata[key]}}


async def set_metadata_item(req: Request, server_id: str, key: str, body: MetaItem):
    if set(body.meta) != {key}:
        raise Invalid("Request body and URI mismatch" if len(body.meta) == 1 else "Request body contains too many items")
    await req.services.compute.servers.set_metadata(server_id, req.who, body.meta, replace=False)
    return {"meta": body.meta}


async def delete_metadata_item(req: Request, server_id: str, key: str):
    await req.services.compute.servers.delete_metadata(server_id, req.who, key)


# ---- tags ------------------------------------------------------------------------------------------------------------
async def list_tags(req: Request, server_id: str):
    return {"tags": (await req.services.compute.servers.get(server_id, req.who)).tags}


async def replace_tags(req: Request, server_id: str, body: TagsBody):
    return {"tags": await req.services.compute.servers.set_tags(server_id, req.who, list(dict.fromkeys(body.tags)))}


async def delete_tags(req: Request, server_id: str):
    await req.services.compute.servers.set_tags(server_id, req.who, [])


async def show_tag(req: Request, server_id: str, tag: str):
    if tag not in (await req.services.compute.servers.get(server_id, req.who)).tags:
        raise NotFound(f"Server {server_id} has no tag '{tag}'")


async def add_tag(req: Request, server_id: str, tag: str):
    if not 1 <= len(tag) <= 60 or "," in tag or "/" in tag:
        raise Invalid(f"Invalid input for field/attribute tag. Value: {tag}.")
    tags = (await req.services.compute.servers.get(server_id, req.who)).tags
    if tag in tags:
        return Reply(204)
    if len(tags) >= 50:
        raise Invalid("The number of tags exceeded the per-server limit 50")
    await req.services.compute.servers.set_tags(server_id, req.who, [*tags, tag])
    return Reply(201, None, {"location": req.url(req.path)})


async def delete_tag(req: Request, server_id: str, tag: str):
    await show_tag(req, server_id, tag)
    tags = (await req.services.compute.servers.get(server_id, req.who)).tags
    await req.services.compute.servers.set_tags(server_id, req.who, [t for t in tags if t != tag])


# ---- addresses and interfaces ----------------------------------------------------------------------------------------
async def list_addresses(req: Request, server_id: str):
    await req.services.compute.servers.get(server_id, req.who)
    ports = (await req.services.network.ports_of_devices([server_id])).get(server_id, [])
    return {"addresses": show_addresses(ports, mac=False)}


async def show_addresses_of_network(req: Request, server_id: str, network: str):
    found = (await list_addresses(req, server_id))["addresses"]
    if network not in found:
        raise NotFound(f"Instance does not have network label {network}")
    return {network: found[network]}


def _show_interface(port: Any, tag: str | None, req: Request) -> dict[str, Any]:
    view = {"port_id": port.id, "net_id": port.network_id, "mac_addr": port.mac_address, "port_state": port.status,
            "fixed_ips": [{"ip_address": ip.ip, "subnet_id": ip.subnet_id} for ip in port.addresses]}
    if req.version >= (2, 70):
        view["tag"] = tag
    return view


async def list_interfaces(req: Request, server_id: str):
    server = await req.services.compute.servers.get(server_id, req.who)
    tags = {nic.port_id: nic.tag for nic in server.nics}
    ports = await req.services.compute.interfaces.list(server_id, req.who)
    return {"interfaceAttachments": [_show_interface(p, tags.get(p.id), req) for p in ports]}


async def show_interface(req: Request, server_id: str, port_id: str):
    server = await req.services.compute.servers.get(server_id, req.who)
    port = await req.services.compute.interfaces.get(server_id, port_id, req.who)
    tag = next((nic.tag for nic in server.nics if nic.port_id == port_id), None)
    return {"interfaceAttachment": _show_interface(port, tag, req)}


async def attach_interface(req: Request, server_id: str, body: InterfaceAttach | None):
    new = body.interface if body else InterfaceNew()
    ips = [ip.get("ip_address") for ip in given(new.fixed_ips, [])]
    if ips and not given(new.net_id):
        raise Invalid("Must input network_id when request IP address")
    if len(ips) > 1:
        raise Invalid("At most one fixed address may be given.")
    wanted = WantedNetwork(network_id=given(new.net_id), port_id=given(new.port_id), fixed_ip=ips[0] if ips else None,
                           tag=given(new.tag))
    port = await req.services.compute.interfaces.attach(server_id, req.who, wanted)
    return {"interfaceAttachment": _show_interface(port, wanted.tag, req)}


async def detach_interface(req: Request, server_id: str, port_id: str):
    await req.services.compute.interfaces.detach(server_id, port_id, req.who)


# ---- what was done ---------------------------------------------------------------------------------------------------
def _show_action(action: Any, req: Request) -> dict[str, Any]:
    view = {"action": action.action, "instance_uuid": action.server_id, "request_id": action.request_id, "user_id": action.user_id,
            "project_id": action.project_id, "start_time": _bare(action.started_at), "message": action.message}
    if req.version >= (2, 58):
        view["updated_at"] = _bare(action.updated_at)
    return view


def _bare(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") if moment else None


async def _acted_on(req: Request, server_id: str) -> Any:
    """From 2.21 on the records of deleted servers can be seen too."""
    return await req.services.compute.servers.get(server_id, req.who, deleted=req.version >= (2, 21))


async def list_actions(req: Request, server_id: str):
    server = await _acted_on(req, server_id)
    if req.version < (2, 58):
        found, link = await req.services.compute.actions.list(server.id), None
    else:
        part = page(req)
        since_, until = changes(req.query, before=req.version >= (2, 66))
        found = await req.services.compute.actions.list(
            server.id, limit=part.limit, marker=part.marker, changes_since=since_, changes_before=until)
        link = next_link(req, found, part, found[-1].request_id) if found and "limit" in req.query else None
    return {"instanceActions": [_show_action(a, req) for a in found]} | ({"links": [{"rel": "next", "href": link}]} if link else {})


async def show_action(req: Request, server_id: str, request_id: str):
    server = await _acted_on(req, server_id)
    action = await req.services.compute.actions.find(server.id, request_id)
    if action is None:
        raise NotFound(f"Action for request_id {request_id} on instance {server_id} not found")
    view = _show_action(action, req)
    if req.allows("os_compute_api:os-instance-actions:events") or req.version >= (2, 51):
        view["events"] = [_show_event(e, action, server, req) for e in action.events]
    return {"instanceAction": view}


def _show_event(event: dict[str, Any], action: Any, server: Any, req: Request) -> dict[str, Any]:
    admin = req.allows("os_compute_api:os-instance-actions:events")
    view = {"event": f"compute_{action.action}", "start_time": _bare(action.started_at),
            "finish_time": _bare(datetime.fromisoformat(event["finish_time"])), "result": event["result"]}
    if admin:
        view["traceback"] = None
    if req.version >= (2, 62):
        from pileus.compute.api.servers.views import host_id

        view["hostId"] = host_id(server)
        if admin:
            view["host"] = server.host
    if req.version >= (2, 84) and req.allows("os_compute_api:os-instance-actions:events:details"):
        view["details"] = event.get("details")
    return view


ONE, RULE, TAGGED = "/v2.1/servers/{server_id}", "os_compute_api:", (2, 26)
META, TAGS, PLUGS = RULE + "server-metadata:", RULE + "os-server-tags:", RULE + "os-attach-interfaces:"
ROUTES = [
    Route("GET", f"{ONE}/metadata", list_metadata, policy=META + "index"),
    Route("PUT", f"{ONE}/metadata", replace_metadata, policy=META + "update_all", body=MetadataBody),
    Route("POST", f"{ONE}/metadata", update_metadata, policy=META + "create", body=MetadataBody),
    Route("GET", f"{ONE}/metadata/{{key}}", show_metadata_item, policy=META + "show"),
    Route("PUT", f"{ONE}/metadata/{{key}}", set_metadata_item, policy=META + "update", body=MetaItem),
    Route("DELETE", f"{ONE}/metadata/{{key}}", delete_metadata_item, policy=META + "delete", ok=204),
    Route("GET", f"{ONE}/ips", list_addresses, policy=RULE + "ips:index"),
    Route("GET", f"{ONE}/ips/{{network}}", show_addresses_of_network, policy=RULE + "ips:show"),
    Route("GET", f"{ONE}/os-interface", list_interfaces, policy=PLUGS + "list"),
    Route("POST", f"{ONE}/os-interface", attach_interface, policy=PLUGS + "create", body=InterfaceAttach, optional_body=True),
    Route("GET", f"{ONE}/os-interface/{{port_id}}", show_interface, policy=PLUGS + "show"),
    Route("DELETE", f"{ONE}/os-interface/{{port_id}}", detach_interface, policy=PLUGS + "delete", ok=202),
    Route("GET", f"{ONE}/os-instance-actions", list_actions, policy=RULE + "os-instance-actions:list"),
    Route("GET", f"{ONE}/os-instance-actions/{{request_id}}", show_action, policy=RULE + "os-instance-actions:show"),
]
#: Apart, because these pass over parameters that they do not know.
TAG_ROUTES = [
    Route("GET", f"{ONE}/tags", list_tags, policy=TAGS + "index", since=TAGGED),
    Route("PUT", f"{ONE}/tags", replace_tags, policy=TAGS + "update_all", body=TagsBody, since=TAGGED),
    Route("DELETE", f"{ONE}/tags", delete_tags, policy=TAGS + "delete_all", ok=204, since=TAGGED),
    Route("GET", f"{ONE}/tags/{{tag}}", show_tag, policy=TAGS + "show", ok=204, since=TAGGED),
    Route("PUT", f"{ONE}/tags/{{tag}}", add_tag, policy=TAGS + "update", since=TAGGED),
    Route("DELETE", f"{ONE}/tags/{{tag}}", delete_tag, policy=TAGS + "delete", ok=204, since=TAGGED),
]
ACTIONS = f"{ONE}/os-instance-actions"
ACTION_PARAMETERS = Parameters(
    dict.fromkeys(("limit", "marker", "changes-since"), since(2, 58)) | {"changes-before": since(2, 66)}, strict=(2, 58))
