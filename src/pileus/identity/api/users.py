"""Users."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from pileus.core.http import Request, Route
from pileus.identity.api import targets
from pileus.identity.api.assertion import source_of
from pileus.identity.api.bodies import Id, Name, UserOptions, changes, parse, required
from pileus.identity.api.federated import FederatedBody, check_reach, identities, with_federated
from pileus.identity.api.moments import moments
from pileus.identity.api.projects import show_project
from pileus.identity.api.views import asked, domain_of, domain_or_own, filters, links, listing, own_domain, own_list_limit
from pileus.identity.model import NewPassword, User
from pileus.identity.service.tokens import stamp
from pileus.identity.store.base import Filter


class UserFields(msgspec.Struct, kw_only=True):
    name: Name | UnsetType = UNSET
    domain_id: Id | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    default_project_id: Id | UnsetType | None = UNSET
    password: str | UnsetType | None = UNSET
    options: UserOptions | UnsetType = UNSET
    federated: list[FederatedBody] | UnsetType = UNSET


class UserBody(msgspec.Struct):
    user: dict[str, Any]


class PasswordChange(msgspec.Struct):
    original_password: str
    password: str


class PasswordBody(msgspec.Struct):
    user: PasswordChange


async def list_users(req: Request) -> dict[str, Any]:
    wanted = [*own_domain(req.who), *asked_of_users(req, "domain_id", "idp_id", "protocol_id", "unique_id")]
    await req.services.identity.directories.freshen(domain_of(wanted))
    page = asked(req, await own_list_limit(req, wanted))
    found, more = await req.services.identity.users.page(wanted, page.limit, page.marker)
    return listing(req, "users", [show_user(req, u) for u in found], page=page, more=more)


def asked_of_users(req: Request, *texts: str) -> list[Filter]:
    """The conditions of a list of users."""
    return [*filters(req, ("name", *texts), ("enabled",)), *moments(req, "password_expires_at")]


async def create_user(req: Request, body: UserBody) -> dict[str, Any]:
    known, extra = parse(UserFields, body.user)
    required(known.name, "name")
    domain_id = domain_or_own(req, known.domain_id or None)
    req.enforce("identity:create_user", targets.in_domain(domain_id))
    federated = identities(known.federated)
    await check_reach(req, federated, domain_id)
    user = await req.services.identity.users.create(
        domain_id=domain_id,
        password=_password(known),
        federated=federated,
        **changes(known, extra, "domain_id", "password", "federated"),
    )
    return {"user": await with_federated(req, user, show_user(req, user))}


async def get_user(req: Request, user_id: str) -> dict[str, Any]:
    user = await req.services.identity.users.get(user_id)
    return {"user": await with_federated(req, user, show_user(req, user))}


async def update_user(req: Request, user_id: str, body: UserBody) -> dict[str, Any]:
    """A null password takes the password away."""
    known, extra = parse(UserFields, body.user, id=user_id)
    federated = identities(known.federated)
    if federated:
        await check_reach(req, federated, (await req.services.identity.users.get(user_id)).domain_id)
    user = await req.services.identity.users.update(
        user_id,
        changes(known, extra, "password", "federated"),
        password=_password(known),
        no_password=known.password is None,
        federated=federated,
    )
    return {"user": await with_federated(req, user, show_user(req, user))}


def _password(known: UserFields) -> NewPassword | None:
    return NewPassword(text=known.password) if isinstance(known.password, str) else None


async def delete_user(req: Request, user_id: str) -> None:
    await req.services.identity.users.delete(user_id)


async def change_password(req: Request, user_id: str, body: PasswordBody) -> None:
    """By the user: the original password is the proof, so no token is asked for."""
    await req.services.identity.users.change_password(user_id, body.user.original_password, body.user.password,
                                                     source=source_of(req))


async def list_user_projects(req: Request, user_id: str) -> dict[str, Any]:
    identity = req.services.identity
    await identity.users.get(user_id)
    return listing(req, "projects", [show_project(req, p) for p in await identity.assignments.projects_of(user_id)])


def show_user(req: Request, u: User) -> dict[str, Any]:
    shown = u.extra | {
        "id": u.id,
        "name": u.name,
        "domain_id": u.domain_id,
        "enabled": u.enabled,
        "options": u.options,
        "password_expires_at": stamp(u.password_expires_at) if u.password_expires_at is not None else None,
        "links": links(req, "users", u.id),
    }
    return shown if u.default_project_id is None else shown | {"default_project_id": u.default_project_id}


ROUTES = [
    Route("GET", "/v3/users", list_users, policy="identity:list_users", target=targets.own_domain),
    Route("POST", "/v3/users", create_user, policy="identity:create_user", body=UserBody, target=targets.own_domain, ok=201),
    Route("GET", "/v3/users/{user_id}", get_user, policy="identity:get_user", target=targets.user),
    Route("PATCH", "/v3/users/{user_id}", update_user, policy="identity:update_user", body=UserBody, target=targets.user),
    Route("DELETE", "/v3/users/{user_id}", delete_user, policy="identity:delete_user", target=targets.user, ok=204),
    Route("POST", "/v3/users/{user_id}/password", change_password, body=PasswordBody, ok=204),
    Route("GET", "/v3/users/{user_id}/projects", list_user_projects, policy="identity:list_user_projects", target=targets.user),
]
