"""Tags of projects."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import msgspec

from pileus.core.errors import Invalid
from pileus.core.http import Reply, Request, Route
from pileus.identity.api import targets
from pileus.identity.api.bodies import Tags
from pileus.identity.api.views import BASE
from pileus.identity.errors import TagNotFound


class TagsBody(msgspec.Struct):
    tags: Tags


async def list_tags(req: Request, project_id: str) -> dict[str, Any]:
    project = await req.services.identity.projects.get(project_id)
    return _show(req, project_id, project.tags)


async def replace_tags(req: Request, project_id: str, body: TagsBody) -> dict[str, Any]:
    if len(set(body.tags)) < len(body.tags):
        raise Invalid("Invalid input for field 'tags': the tags are not unique.")
    project = await req.services.identity.projects.set_tags(project_id, tuple(body.tags))
    return _show(req, project_id, project.tags)


async def delete_tags(req: Request, project_id: str) -> None:
    await req.services.identity.projects.set_tags(project_id, ())


async def check_tag(req: Request, project_id: str, tag: str) -> None:
    if tag not in (await req.services.identity.projects.get(project_id)).tags:
        raise TagNotFound(tag=tag)


async def add_tag(req: Request, project_id: str, tag: str) -> Reply:
    if not re.fullmatch(r"[^,/]{1,255}", tag):
        raise Invalid(f"Invalid input for field 'value': {tag!r} is no tag.")
    await req.services.identity.projects.add_tag(project_id, tag)
    return Reply(201, headers={"location": req.url(quote(req.path))})


async def delete_tag(req: Request, project_id: str, tag: str) -> None:
    await req.services.identity.projects.remove_tag(project_id, tag)


def _show(req: Request, project_id: str, tags: tuple[str, ...]) -> dict[str, Any]:
    return {"tags": list(tags), "links": {"self": req.url(f"{BASE}/projects/{project_id}/tags")}}


_ALL, _ONE = "/v3/projects/{project_id}/tags", "/v3/projects/{project_id}/tags/{tag}"
ROUTES = [
    Route("GET", _ALL, list_tags, policy="identity:list_project_tags", target=targets.project),
    Route("PUT", _ALL, replace_tags, policy="identity:update_project_tags", body=TagsBody, target=targets.project),
    Route("DELETE", _ALL, delete_tags, policy="identity:delete_project_tags", target=targets.project, ok=204),
    Route("GET", _ONE, check_tag, policy="identity:get_project_tag", target=targets.project, ok=204),
    Route("PUT", _ONE, add_tag, policy="identity:create_project_tag", target=targets.project, ok=201),
    Route("DELETE", _ONE, delete_tag, policy="identity:delete_project_tag", target=targets.project, ok=204),
]
