"""Events that other services report of servers. Answered one by one: some may be for servers that are gone."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pileus.compute.api.fields import check_uuid
from pileus.compute.service.events import Event
from pileus.core.errors import Invalid, NotFound
from pileus.core.http import Reply, Request, Route

#: name → since which version
NAMES = {"network-changed": (2, 1), "network-vif-plugged": (2, 1), "network-vif-unplugged": (2, 1), "network-vif-deleted": (2, 1),
         "volume-extended": (2, 51), "power-update": (2, 76), "accelerator-request-bound": (2, 82), "volume-reimaged": (2, 93)}


class EventNew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    server_uuid: str
    status: Literal["failed", "completed", "in-progress"] = "completed"
    tag: Annotated[str, Meta(max_length=255)] | UnsetType = UNSET


class Events(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    events: Annotated[list[EventNew], Meta(min_length=1)]


async def create_events(req: Request, body: Events) -> Reply:
    for event in body.events:
        check_uuid(event.server_uuid)
        if event.name not in NAMES or req.version < NAMES[event.name]:
            raise Invalid(f"Invalid input for field/attribute name. Value: {event.name}. '{event.name}' is not one of the known events.")
    codes = await req.services.compute.events.take(
        [Event(name=e.name, server_id=e.server_uuid, tag=None if e.tag is UNSET else e.tag, status=e.status) for e in body.events])
    if 200 not in codes:
        raise NotFound("No instances found for any event")
    return Reply(200 if all(code == 200 for code in codes) else 207,
                 {"events": [view(event, code) for event, code in zip(body.events, codes, strict=True)]})


ROUTES = [Route("POST", "/v2.1/os-server-external-events", create_events, policy="os_compute_api:os-server-external-events:create",
                body=Events)]


def view(event: EventNew, code: int) -> dict[str, Any]:
    shown = {"name": event.name, "server_uuid": event.server_uuid, "status": event.status if code == 200 else "failed", "code": code}
    return shown | ({"tag": event.tag} if event.tag is not None else {})
