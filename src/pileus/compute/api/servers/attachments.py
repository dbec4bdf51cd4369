"""What is attached to a server from other services: volumes, and shares of file systems. This cloud has neither yet, so nothing
is attached, and nothing that is named to be attached is found."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from pileus.compute.api.query import ALWAYS, Parameters
from pileus.compute.api.servers.bodies import Closed, Flag, ServerId, Tag
from pileus.compute.errors import ShareNotFound, VolumeNotAttached, VolumeNotFound
from pileus.core.http import Request, Route, since


class VolumeNew(Closed):
    volume_id: ServerId = msgspec.field(name="volumeId")
    device: str | None = None
    tag: Annotated[Tag, since(2, 49)] = ""
    delete_on_termination: Annotated[Flag, since(2, 79)] = False


class VolumeAttach(Closed):
    attachment: VolumeNew = msgspec.field(name="volumeAttachment")


class ShareNew(Closed):
    share_id: ServerId
    tag: Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[a-zA-Z0-9-]*\Z")] | None = None


class ShareAttach(Closed):
    share: ShareNew


async def list_volumes(req: Request, server_id: str) -> dict[str, Any]:
    await req.services.compute.servers.get(server_id, req.who)
    return {"volumeAttachments": []}


async def attach_volume(req: Request, server_id: str, body: VolumeAttach) -> None:
    await req.services.compute.servers.get(server_id, req.who)
    raise VolumeNotFound(id=body.attachment.volume_id)


async def missing_volume(req: Request, server_id: str, volume_id: str) -> None:
    await req.services.compute.servers.get(server_id, req.who)
    raise VolumeNotAttached(server=server_id, volume=volume_id)


async def change_volume(req: Request, server_id: str, volume_id: str, body: dict[str, Any]) -> None:
    await missing_volume(req, server_id, volume_id)


async def list_shares(req: Request, server_id: str) -> dict[str, Any]:
    await req.services.compute.servers.get(server_id, req.who)
    return {"shares": []}


async def attach_share(req: Request, server_id: str, body: ShareAttach) -> None:
    await req.services.compute.servers.get(server_id, req.who)
    raise ShareNotFound(id=body.share.share_id)


async def missing_share(req: Request, server_id: str, share_id: str) -> None:
    await req.services.compute.servers.get(server_id, req.who)
    raise ShareNotFound(id=share_id)


RULE, SHARES = "os_compute_api:os-volumes-attachments:", "os_compute_api:os-server-shares:"
ALL, ONE = "/v2.1/servers/{server_id}/os-volume_attachments", "/v2.1/servers/{server_id}/os-volume_attachments/{volume_id}"
PARAMETERS = Parameters({"limit": ALWAYS, "offset": ALWAYS})
EACH = "/v2.1/servers/{server_id}/shares"
ROUTES = [
    Route("GET", ALL, list_volumes, policy=RULE + "index"),
    Route("POST", ALL, attach_volume, policy=RULE + "create", body=VolumeAttach),
    Route("GET", ONE, missing_volume, policy=RULE + "show"),
    Route("PUT", ONE, change_volume, policy=RULE + "update", body=dict[str, Any]),
    Route("DELETE", ONE, missing_volume, policy=RULE + "delete", ok=202),
    Route("GET", EACH, list_shares, policy=SHARES + "index", since=(2, 97)),
    Route("POST", EACH, attach_share, policy=SHARES + "create", body=ShareAttach, ok=201, since=(2, 97)),
    Route("GET", EACH + "/{share_id}", missing_share, policy=SHARES + "show", since=(2, 97)),
    Route("DELETE", EACH + "/{share_id}", missing_share, policy=SHARES + "delete", since=(2, 97)),
]
