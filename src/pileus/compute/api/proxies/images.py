"""Images in compute's old form (until 2.35)."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.compute.api.query import MOST, moment_of, number, self_links
from pileus.core.clock import iso
from pileus.core.http import Request, Route
from pileus.core.http.request import TRUE
from pileus.image.model import Condition, Image, Wanted

STATUSES = {"active": "ACTIVE", "queued": "SAVING", "saving": "SAVING"}
#: Nobody knows how far an upload is.
PROGRESS = {"active": 100, "queued": 25, "saving": 50}
#: Query parameter → property it is about.
PROPERTIES = {"server": "instance_uuid", "type": "image_type"}
SNAPSHOT_OF = "instance_uuid"


async def list_images(req: Request) -> dict[str, Any]:
    found, more = await _page(req)
    return {"images": [_brief(image, req) for image in found]} | more


async def list_images_detail(req: Request) -> dict[str, Any]:
    found, more = await _page(req)
    return {"images": [_show(image, req) for image in found]} | more


async def show_image(req: Request, image_id: str) -> dict[str, Any]:
    image = await find_image(req, image_id)
    req.enforce("get_image", target(image, req))
    return {"image": _show(image, req)}


async def delete_image(req: Request, image_id: str) -> None:
    req.enforce("delete_image", target(await find_image(req, image_id), req))
    await req.services.image.delete(req.who, image_id)


UNTIL = (2, 35)
ROUTES = [
    Route("GET", "/v2.1/images", list_images, policy="os_compute_api:images:index", until=UNTIL),
    Route("GET", "/v2.1/images/detail", list_images_detail, policy="os_compute_api:images:detail", until=UNTIL),
    Route("GET", "/v2.1/images/{image_id}", show_image, policy="os_compute_api:images:show", until=UNTIL),
    Route("DELETE", "/v2.1/images/{image_id}", delete_image, policy="os_compute_api:images:delete", ok=204, until=UNTIL),
]


async def find_image(req: Request, image_id: str) -> Image:
    return await req.services.image.get(image_id, req.who.scope)


def target(image: Image, req: Request) -> dict[str, Any]:
    """What the image service's rules are held against. An image that is reachable and shared is shared with the caller."""
    return {"project_id": image.owner, "owner": image.owner, "visibility": image.visibility, "member_id": req.who.project_id}


async def _page(req: Request) -> tuple[list[Image], dict[str, Any]]:
    req.enforce("get_images")
    query = {key: req.query.get(key) or "" for key in req.query}
    limit = min(number(query, "limit", MOST), MOST)
    if not limit:
        return [], {}
    after = await req.services.image.marker(query["marker"], req.who) if query.get("marker") else None
    found = await req.services.image.page(req.who, Wanted(
        conditions=tuple(_conditions(query)), properties=tuple(_properties(query)), limit=limit, after=after))
    more = {}
    if len(found) == limit:
        more["images_links"] = [{"rel": "next", "href": req.url(req.path, {**query, "marker": found[-1].id})}]
    return found, more


def _conditions(query: dict[str, str]):
    """The parameters that are about attributes of images; hidden ones were never in this list. Raises Invalid."""
    yield Condition("os_hidden", "eq", False)
    for key, field in (("minRam", "min_ram"), ("minDisk", "min_disk")):
        if key in query:
            yield Condition(field, "eq", number(query, key, 0))
    if "name" in query:
        yield Condition("name", "eq", query["name"])
    if "status" in query:
        yield Condition("status", "eq", query["status"].lower())
    if "changes-since" in query:
        yield Condition("updated_at", "gte", moment_of(query, "changes-since"))


def _properties(query: dict[str, str]):
    for key, value in query.items():
        if key in PROPERTIES:
            # A server may be named by its address.
            yield PROPERTIES[key], value.rpartition("/")[2] if key == "server" else value
        elif key.startswith("property-"):
            yield key.removeprefix("property-"), value


def _brief(image: Image, req: Request) -> dict[str, Any]:
    elsewhere = {"rel": "alternate", "type": "application/vnd.openstack.image", "href": f"{req.origin}/image/images/{image.id}"}
    return {"id": image.id, "name": image.name, "links": [*self_links(req, "images", image.id), elsewhere]}


def _show(image: Image, req: Request) -> dict[str, Any]:
    view = _brief(image, req) | {
        "status": STATUSES.get(image.status, "UNKNOWN"),
        "progress": PROGRESS.get(image.status, 0),
        "created": iso(image.created_at),
        "updated": iso(image.updated_at),
        "minDisk": image.min_disk,
        "minRam": image.min_ram,
        "metadata": image.properties,
        "OS-EXT-IMG-SIZE:size": image.size or 0,
    }
    if (server_id := image.properties.get(SNAPSHOT_OF)) is not None:
        view["server"] = {"id": server_id, "links": self_links(req, "servers", server_id)}
    if (resized := image.properties.get("auto_disk_config")) is not None:
        view["OS-DCF:diskConfig"] = "AUTO" if resized.lower() in TRUE else "MANUAL"
    return view
