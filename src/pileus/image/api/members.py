"""Members: the projects an image is shared with."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.http import Request, Route
from pileus.image.api.bodies import MemberCreate, MemberUpdate
from pileus.image.api.targets import of_image
from pileus.image.api.views import member_view
from pileus.image.model import Image


async def list_members(req: Request, image_id: str) -> dict[str, Any]:
    found = await req.services.image.members.all(req.who, await _image(req, image_id))
    return {"members": [member_view(member) for member in found], "schema": "/v2/schemas/members"}


async def add_member(req: Request, image_id: str, body: MemberCreate) -> dict[str, Any]:
    return member_view(await req.services.image.members.add(req.who, await _image(req, image_id), body.member))


async def show_member(req: Request, image_id: str, member_id: str) -> dict[str, Any]:
    return member_view(await req.services.image.members.get(req.who, await _image(req, image_id), member_id))


async def update_member(req: Request, image_id: str, member_id: str, body: MemberUpdate) -> dict[str, Any]:
    return member_view(await req.services.image.members.set_status(req.who, await _image(req, image_id), member_id, body.status))


async def remove_member(req: Request, image_id: str, member_id: str) -> None:
    await req.services.image.members.remove(await _image(req, image_id), member_id)


ROUTES = [
    Route("GET", "/v2/images/{image_id}/members", list_members, policy="get_members", target=of_image),
    Route("POST", "/v2/images/{image_id}/members", add_member, policy="add_member", target=of_image, body=MemberCreate),
    Route("GET", "/v2/images/{image_id}/members/{member_id}", show_member, policy="get_member", target=of_image),
    Route("PUT", "/v2/images/{image_id}/members/{member_id}", update_member, policy="modify_member", target=of_image,
          body=MemberUpdate),
    Route("DELETE", "/v2/images/{image_id}/members/{member_id}", remove_member, policy="delete_member", target=of_image, ok=204),
]


async def _image(req: Request, image_id: str) -> Image:
    return await req.services.image.get(image_id, req.who.scope)
