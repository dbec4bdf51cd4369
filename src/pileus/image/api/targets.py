"""What Glance's rules are held against: the image in the path, and only what is stored of it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.core.context import Context
from pileus.core.http import Request
from pileus.image.errors import ImageNotFound
from pileus.image.model import SHARED, Image


async def of_image(req: Request, image_id: str, **_: str) -> Mapping[str, Any]:
    """Raises ImageNotFound also for what the caller's roles do not let it see: a refusal would say that the image is there."""
    req.found = await req.services.image.get(image_id, req.who.scope)
    held = target(req.who, req.found)
    if not req.allows(req.route.policy, held) and not req.allows("get_image", held):
        raise ImageNotFound(id=image_id)
    return held


def target(who: Context, image: Image) -> Mapping[str, Any]:
    """A shared image that is seen by a project which does not own it is shared with that project."""
    member = who.project_id if image.visibility == SHARED and image.owner != who.project_id else None
    return {"project_id": image.owner, "owner": image.owner, "visibility": image.visibility, "member_id": member}
