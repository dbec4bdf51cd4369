"""What policies compare callers with: always what is stored, never what a request's body says (CVE-2026-42999).

What does not exist leaves its part out: then only those who may do it to anything get to know that it does not exist.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.http import Request
from pileus.identity.errors import TrustNotFound
from pileus.identity.model import Group, Project, Role, User
from pileus.identity.service.delegation import no_program


async def own_domain(req: Request, **_: str) -> dict[str, Any]:
    """For lists and for what is to be created: the domain of the caller's scope. Lists are limited to it."""
    return in_domain(req.who.domain_id) if req.who.domain_id is not None else {}


def in_domain(domain_id: str | None) -> dict[str, Any]:
    """For something that is to be created in a domain."""
    inside = {"domain_id": domain_id}
    return {"target": {"domain_id": domain_id, "user": inside, "group": inside, "project": inside, "domain": {"id": domain_id}}}


async def user(req: Request, user_id: str, **_: str) -> dict[str, Any]:
    return {"user_id": user_id, "target": _user(await req.services.identity.users.find(user_id))}


async def owner(req: Request, user_id: str, **_: str) -> dict[str, Any]:
    """For what belongs to a user, whether the user exists or not."""
    return {"user_id": user_id, "target": {"user": {"id": user_id}, "credential": {"user_id": user_id}}}


async def group(req: Request, group_id: str, **_: str) -> dict[str, Any]:
    return {"target": _group(await req.services.identity.groups.find(group_id))}


async def member(req: Request, group_id: str, user_id: str) -> dict[str, Any]:
    identity = req.services.identity
    return {"user_id": user_id, "target": _group(await identity.groups.find(group_id)) | _user(await identity.users.find(user_id))}


async def project(req: Request, project_id: str, **_: str) -> dict[str, Any]:
    return {"target": _project(await req.services.identity.projects.find(project_id))}


async def domain(req: Request, domain_id: str, **_: str) -> dict[str, Any]:
    return {"target": _domain(await req.services.identity.projects.find(domain_id))}


async def role(req: Request, role_id: str, **_: str) -> dict[str, Any]:
    return {"target": _role(await req.services.identity.roles.find(role_id))}


async def own(req: Request, **_: str) -> dict[str, Any]:
    """For lists of what belongs to users, and for what is to be created for one: the handler looks at whose it is."""
    return owned(req.who.user_id)


def owned(user_id: str | None) -> dict[str, Any]:
    """For a credential of this user."""
    return {"target": {"credential": {"user_id": user_id}}}


async def credential(req: Request, credential_id: str) -> dict[str, Any]:
    found = await req.services.identity.credentials.find(credential_id)
    return owned(found.user_id) if found is not None else {}


async def trustor(req: Request) -> dict[str, Any]:
    """For lists of trusts and for one to be created: the trustor asked about, or else the caller. The handler looks further.

    Raises Refused for programs: a trust outlives the application credential that it was made with (CVE-2026-43000)."""
    no_program(req.who, "have to do with trusts")
    return entrusted(req.query.get("trustor_user_id", req.who.user_id), None)


def entrusted(trustor: str | None, trustee: str | None) -> dict[str, Any]:
    """For a trust between these."""
    named = {"trustor_user_id": trustor} | ({"trustee_user_id": trustee} if trustee is not None else {})
    return {"trust": named, "target": {"trust": named}}


async def trust(req: Request, trust_id: str, **_: str) -> dict[str, Any]:
    """Raises TrustNotFound also when the caller may not know of it: trustors see that one they deleted is gone, or is over.

    Raises Refused for programs, as `trustor` does."""
    no_program(req.who, "have to do with trusts")
    found = await req.services.identity.trusts.get(trust_id)
    if req.method != "DELETE" and found.is_over(req.services.identity.core.clock.now()):
        raise TrustNotFound(id=trust_id)
    target = entrusted(found.trustor_user_id, found.trustee_user_id)
    if not req.allows("identity:get_trust", target):
        raise TrustNotFound(id=trust_id)
    return target


async def grant(
    req: Request,
    role_id: str | None = None,
    user_id: str | None = None,
    group_id: str | None = None,
    project_id: str | None = None,
    domain_id: str | None = None,
) -> dict[str, Any]:
    """A role of a user or group on a project or domain."""
    identity = req.services.identity
    target = _role(await identity.roles.find(role_id)) if role_id is not None else {}
    target |= (
        _user(await identity.users.find(user_id)) if user_id is not None else _group(await identity.groups.find(group_id or ""))
    )
    if project_id is not None:
        target |= _project(await identity.projects.find(project_id))
    elif domain_id is not None:
        target |= _domain(await identity.projects.find(domain_id))
    return {"target": target}


def _user(found: User | None) -> dict[str, Any]:
    return {"user": {"id": found.id, "domain_id": found.domain_id}} if found is not None else {}


def _group(found: Group | None) -> dict[str, Any]:
    return {"group": {"id": found.id, "domain_id": found.domain_id}} if found is not None else {}


def _project(found: Project | None) -> dict[str, Any]:
    return {"project": {"id": found.id, "domain_id": found.domain_id or None}} if found is not None else {}


def _domain(found: Project | None) -> dict[str, Any]:
    return {"domain": {"id": found.id}} if found is not None and found.is_domain else {}


def _role(found: Role | None) -> dict[str, Any]:
    return {"role": {"id": found.id, "name": found.name, "domain_id": found.domain_id or None}} if found is not None else {}
