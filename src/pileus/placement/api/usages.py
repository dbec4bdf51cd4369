"""What a project, or a user in it, uses of all providers together."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.errors import Invalid
from pileus.core.http import Request, Route
from pileus.placement.api import fields
from pileus.placement.api.fields import shown
from pileus.placement.api.words import validating
from pileus.placement.model import NAME

FILTERS = {"project_id": (1, 9), "user_id": (1, 9), "consumer_type": (1, 38)}


async def whose(req: Request) -> dict[str, Any]:
    """The rule is about the project asked for; somebody else's is refused, not hidden, as its id is no secret of ours."""
    return {"project_id": req.query.get("project_id")}


async def usages(req: Request):
    """By type of consumer, or all together (`consumer_type=all`)."""
    fields.only(req, FILTERS)
    project, user, wanted = (req.query.get(key) for key in FILTERS)
    if project is None:
        raise Invalid("Invalid query string parameters: 'project_id' is a required property")
    for name in (project, *([user] if user is not None else [])):
        if not 1 <= len(name) <= 255:
            fault = ("too long", "maxLength") if name else ("too short", "minLength")
            raise Invalid("Invalid query string parameters: " + validating(f"{name!r} is {fault[0]}", fault[1]))
    if wanted is not None and wanted not in ("all", "unknown") and not NAME.match(wanted):
        raise Invalid(f"Invalid query string parameters: {wanted!r} does not match a consumer type")
    counts = await req.services.placement.consumer_counts(project, user)
    view: dict[str, dict[str, int]] = {}
    for kind, name, amount in await req.services.placement.usages(project, user):
        key = "all" if wanted == "all" else kind or "unknown"
        if wanted in (None, key):
            entry = view.setdefault(key, {"consumer_count": sum(counts.values()) if wanted == "all" else counts[kind]})
            entry[name] = entry.get(name, 0) + amount
    return shown(req, {"usages": view})


ROUTES = [Route("GET", "/usages", usages, policy="placement:usages", target=whose, since=(1, 9))]
