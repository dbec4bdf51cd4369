"""Images: create, list, show, change, delete, deactivate, reactivate."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec

from pileus.core.errors import Invalid
from pileus.core.http import Reply, Request, Route
from pileus.image.api.bodies import ATTRIBUTES, checked
from pileus.image.api.patch import changes
from pileus.image.api.query import wanted
from pileus.image.api.targets import of_image, target
from pileus.image.api.views import image_view, located_view
from pileus.image.errors import OwnerForbidden
from pileus.image.model import COMMUNITY, PUBLIC, Image
from pileus.image.service.changes import refuse_reserved

#: The rule that decides who may make an image visible to others.
VISIBILITY_RULES = {PUBLIC: "publicize_image", COMMUNITY: "communitize_image"}


async def list_images(req: Request) -> dict[str, Any]:
    asked, images = wanted(req), req.services.image
    if marker := req.query.get("marker"):
        asked = msgspec.structs.replace(asked, after=await images.marker(marker, req.who))
    found = [] if images.protections.hides(req.who, asked, _nobodys(req)) else await images.page(req.who, asked)
    query = [pair for pair in req.query.pairs if pair[0] != "marker"]
    page = {"images": [_show(req, image) for image in found], "schema": "/v2/schemas/images", "first": _link(query)}
    if found and len(found) == asked.limit:
        page["next"] = _link([*query, ("marker", found[-1].id)])
    return page


async def create_image(req: Request, body: dict[str, Any]) -> Reply:
    made = await req.services.image.create(req.who, new_image(req, body))
    return Reply(201, _show(req, made), {"location": req.url(f"/image/v2/images/{made.id}"),
                                          "openstack-image-import-methods": ",".join(req.services.image.imports.methods),
                                          "openstack-image-store-ids": ",".join(req.services.image.stores.configured)})


def new_image(req: Request, body: dict[str, Any]) -> Image:
    """The image that a body describes, if the caller may have such a one. Raises Invalid or Forbidden."""
    kit = req.services.image.kit
    now = kit.clock.now()
    values: dict[str, Any] = {"id": kit.ids.uuid(), "owner": req.who.project_id}
    properties: dict[str, str] = {}
    for name, value in body.items():
        if name != "id":
            refuse_reserved(name)
        (values if name in ATTRIBUTES else properties)[name] = checked(name, value)
    image = Image(**values, properties=properties, created_at=now, updated_at=now)
    if image.visibility in VISIBILITY_RULES:
        req.enforce(VISIBILITY_RULES[image.visibility], target(req.who, image))
    req.services.image.protections.check(req.who, image, {}, properties)
    return image


async def show_image(req: Request, image_id: str) -> dict[str, Any]:
    return _show(req, req.found)


async def update_image(req: Request, image_id: str, body: Any) -> dict[str, Any]:
    def check(image: Image, values: dict[str, Any]) -> None:
        rule = VISIBILITY_RULES.get(values.get("visibility", ""))
        if rule is not None and values["visibility"] != image.visibility:
            req.enforce(rule, target(req.who, image))
        if values.get("owner", image.owner) != image.owner and not req.who.is_admin:
            raise OwnerForbidden(owner=values["owner"])
        req.services.image.protections.check(req.who, image, image.properties, values.get("properties", image.properties))

    images = req.services.image
    plain, moves = changes(req.header("content-type"), body, images.config.show_multiple_locations)
    for move in moves:
        req.enforce("delete_image_location" if move.op == "remove" else "set_image_location", target(req.who, req.found))
    prepared = await images.relocating.prepare(req.found, moves) if moves else None
    return _show(req, await images.change(req.who, image_id, plain, check, prepared))


async def delete_image(req: Request, image_id: str) -> None:
    await req.services.image.delete(req.who, image_id)


async def deactivate_image(req: Request, image_id: str) -> None:
    await req.services.image.act(req.who, image_id, "deactivate")


async def reactivate_image(req: Request, image_id: str) -> None:
    await req.services.image.act(req.who, image_id, "reactivate")


async def restore_image(req: Request, image_id: str) -> dict[str, Any]:
    return _show(req, await req.services.image.scrubbing.restore(image_id))


async def add_tag(req: Request, image_id: str, tag: str) -> None:
    if len(tag) > 255:
        raise Invalid("A tag has at most 255 characters.")
    await req.services.image.add_tag(req.who, image_id, tag)


async def remove_tag(req: Request, image_id: str, tag: str) -> None:
    await req.services.image.remove_tag(req.who, image_id, tag)


ROUTES = [
    Route("GET", "/v2/images", list_images, policy="get_images"),
    Route("POST", "/v2/images", create_image, policy="add_image", body=dict[str, Any], ok=201),
    Route("GET", "/v2/images/{image_id}", show_image, policy="get_image", target=of_image),
    Route("PATCH", "/v2/images/{image_id}", update_image, policy="modify_image", target=of_image, body=Any),
    Route("DELETE", "/v2/images/{image_id}", delete_image, policy="delete_image", target=of_image, ok=204),
    Route("POST", "/v2/images/{image_id}/actions/deactivate", deactivate_image, policy="deactivate", target=of_image, ok=204),
    Route("POST", "/v2/images/{image_id}/actions/reactivate", reactivate_image, policy="reactivate", target=of_image, ok=204),
    Route("POST", "/v2/images/{image_id}/actions/restore", restore_image, policy="restore_image"),
    Route("PUT", "/v2/images/{image_id}/tags/{tag}", add_tag, policy="modify_image", target=of_image, ok=204),
    Route("DELETE", "/v2/images/{image_id}/tags/{tag}", remove_tag, policy="modify_image", target=of_image, ok=204),
]


def _show(req: Request, image: Image) -> dict[str, Any]:
    """The image without what the caller may not read of it."""
    images = req.services.image
    view = image_view(images.protections.readable(req.who, image), images.stores)
    some = images.config.show_multiple_locations or images.config.show_image_direct_url
    if some and req.allows("get_image_location", target(req.who, image)):
        view |= located_view(image, images.locations.all(image), images.config, req.who.is_admin)
    return view


def _nobodys(req: Request) -> Image:
    """An image of the caller's project, as rules about lists see it."""
    now = req.services.image.kit.clock.now()
    return Image(id="", owner=req.who.project_id, created_at=now, updated_at=now)


def _link(query: list[tuple[str, str]]) -> str:
    return "/v2/images" + ("?" + urlencode(query) if query else "")
