"""Who has logged in or failed to, and who has changed what: told after the answer is known, as the configuration wants it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus.core.http import Reply, Request
from pileus.core.log import Log
from pileus.identity.api.views import BASE
from pileus.identity.cadf import AUTHENTICATE, Event, Initiator, notification, of_rule
from pileus.identity.service.tokens import stamp

log = Log("pileus.identity.notification")
_PASSWORD = "/v3/users/{user_id}/password"


def observe(req: Request, reply: Reply) -> None:
    """Tell what a request has done; nothing of one that has changed nothing."""
    core = req.services.identity.core
    if core.config.notifications == "none" or req.route is None:
        return
    who = _holder(reply) or req.who.user_id
    for event in _events(req, reply):
        if set(event.choices).isdisjoint(core.config.notification_opt_out):
            told = notification(event, _initiator(req, who), ids=(core.ids.uuid(), core.ids.uuid()), at=stamp(core.clock.now()))
            log.info(event.name, notification=msgspec.json.encode(told).decode())


def _events(req: Request, reply: Reply) -> list[Event]:
    if _is_login(req):
        outcomes = {401: "pending" if "openstack-auth-receipt" in reply.headers else "failure", 429: "failure"}
        outcome = outcomes.get(reply.status, "success" if reply.status < 300 else "")
        return [Event(verb=AUTHENTICATE, id=_holder(reply), outcome=outcome)] if outcome else []
    if reply.status >= 300 or req.method in ("GET", "HEAD"):
        return []
    if req.route.path == _PASSWORD:
        return [Event(verb="updated", kind="user", id=req.params["user_id"])]
    found = of_rule(req.route.policy or "")
    if found is None:
        return []
    verb, kind = found
    if kind == "role_assignment":
        return [_granted(req, verb)]
    return [Event(verb=verb, kind=kind, id=id) for id in _ids(req, reply, kind)]


def _granted(req: Request, verb: str) -> Event:
    said = {key.removesuffix("_id"): value for key, value in req.params.items()}
    inherited = "/OS-INHERIT/" in req.route.path
    return Event(verb=verb, kind="role_assignment", id=req.params["role_id"], more=said | {"inherited_to_projects": inherited})


def _ids(req: Request, reply: Reply, kind: str) -> list[str | None]:
    """Of the resource that the path names, or of those that have just been made."""
    named = req.params.get(kind.rpartition(":")[2] + "_id")
    if named is not None or (req.params and req.method != "POST"):
        return [named or list(req.params.values())[-1]]
    made: Any = next(iter(reply.body.values()), None) if isinstance(reply.body, dict) else None
    made = made if isinstance(made, list) else [made]
    return [one.get("id") or one.get("access") for one in made if isinstance(one, dict)]


def _is_login(req: Request) -> bool:
    by_federation = req.path.startswith(BASE + "/OS-FEDERATION/") and req.path.endswith("/auth")
    return by_federation or (req.method == "POST" and req.path == BASE + "/auth/tokens")


def _holder(reply: Reply) -> str | None:
    """Whom a token in the answer is for."""
    token = reply.body.get("token") if isinstance(reply.body, dict) else None
    return token["user"]["id"] if isinstance(token, dict) and "user" in token else None


def _initiator(req: Request, user_id: str | None) -> Initiator:
    agent, who = req.header("user-agent"), req.who
    host = {"address": req.falcon.remote_addr, "agent": agent[:255] if agent else None}
    return Initiator(
        id=user_id, user_id=user_id, host=host, request_id=req.id, project_id=who.project_id, domain_id=who.domain_id
    )
