"""`rebuild`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pileus.compute.api.fields import UUID_PATTERN
from pileus.compute.api.servers.bodies import Certificates, Closed, Description, DiskConfig, File, Flag, Hostname, Metadata, Name
from pileus.compute.api.servers.values import address, boolean, decoded_base64
from pileus.compute.api.servers.verbs import ServerAction
from pileus.compute.api.servers.views import links, show_server, show_update, shown
from pileus.compute.model.order import RebuildOrder
from pileus.core.errors import Invalid
from pileus.core.http import Reply, Request, since, until


class Rebuild(Closed):
    image: Annotated[str, Meta(pattern=UUID_PATTERN)] = msgspec.field(name="imageRef")
    name: Name | UnsetType = UNSET
    admin_pass: str = msgspec.field(name="adminPass", default="")
    metadata: Metadata | UnsetType = UNSET
    preserve_ephemeral: Flag = False
    personality: Annotated[list[File], until(2, 56)] = []
    access_ip_v4: str | UnsetType = msgspec.field(name="accessIPv4", default=UNSET)
    access_ip_v6: str | UnsetType = msgspec.field(name="accessIPv6", default=UNSET)
    disk_config: DiskConfig | UnsetType = msgspec.field(name="OS-DCF:diskConfig", default=UNSET)
    description: Annotated[Description | UnsetType | None, since(2, 19)] = UNSET
    key_name: Annotated[Name | UnsetType | None, since(2, 54)] = UNSET
    user_data: Annotated[Annotated[str, Meta(max_length=65535)] | UnsetType | None, since(2, 57)] = UNSET
    trusted_image_certificates: Annotated[Certificates | UnsetType | None, since(2, 63)] = UNSET
    hostname: Annotated[Hostname | UnsetType, since(2, 90)] = UNSET


#: Fields that are columns of a server's row as they come.
PLAIN = ("metadata", "disk_config", "description", "user_data", "trusted_image_certificates", "hostname")


async def rebuild(req: Request, server_id: str, body: Rebuild) -> Reply:
    if boolean(body.preserve_ephemeral, "preserve_ephemeral"):
        raise Invalid("The current driver does not support preserving ephemeral partitions.")
    password = body.admin_pass or req.services.compute.kit.ids.hex()[:12]
    server = await req.services.compute.rebuilds.rebuild(server_id, req.who, RebuildOrder(
        image_id=body.image, admin_pass=password, files={f.path: decoded_base64(f.contents, "Personality") for f in body.personality},
        key_name=body.key_name, changes=_changes(body, req)))
    render = show_server if req.version >= (2, 75) else show_update
    view = render(server, await shown(req, [server])) | {"adminPass": password}
    view.pop("OS-EXT-SRV-ATTR:user_data", None)        # a rebuild's answer has a field of its own for it
    if req.version >= (2, 54):
        view["key_name"] = server.key_name
    if req.version >= (2, 57):
        view["user_data"] = server.user_data
    return Reply(202, {"server": view}, {"location": links(req, "servers", server.id)[0]["href"]})


def _changes(body: Rebuild, req: Request) -> dict[str, Any]:
    found = {field: value for field in PLAIN if (value := getattr(body, field)) is not UNSET}
    if found.get("user_data") is not None:
        decoded_base64(found["user_data"], "Userdata")
    if body.name is not UNSET:
        found["name"] = body.name
    for field, version in (("access_ip_v4", 4), ("access_ip_v6", 6)):
        if (value := getattr(body, field)) is not UNSET:
            found[field] = address(value, version)
    return found


ACTIONS = {"rebuild": ServerAction(run=rebuild, policy="os_compute_api:servers:rebuild", body=Rebuild)}
