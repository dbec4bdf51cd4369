"""Application credentials and access rules, below the user they belong to."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from pileus.core.errors import Invalid
from pileus.core.http import Request, Route
from pileus.identity.api import targets
from pileus.identity.api.bodies import Description, Id, Name, parse
from pileus.identity.api.moments import moment
from pileus.identity.api.views import BASE, listing
from pileus.identity.errors import Refused
from pileus.identity.model import AccessRule, ApplicationCredential, Role
from pileus.identity.service.application_credentials import CredentialWanted, RuleWanted
from pileus.identity.service.delegation import in_person


class RoleRef(msgspec.Struct):
    id: str | None = None
    name: str | None = None


class RuleFields(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    id: Id | None = None
    service: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    method: Annotated[str, Meta(pattern=r"^(GET|HEAD|POST|PUT|PATCH|DELETE|COPY|OPTIONS)$")] | None = None
    path: Annotated[str, Meta(max_length=128, pattern=r"^/[^?#]*$")] | None = None


class CredentialFields(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    name: Name
    description: Description | None = None
    secret: Annotated[str, Meta(min_length=1)] | None = None
    expires_at: str | None = None
    #: None, or none, is all that the token has; `openstack application credential create` says it so.
    roles: list[RoleRef] | None = None
    unrestricted: bool | None = False
    access_rules: list[RuleFields] | None = None
    #: Taken no notice of, as Keystone does: it is for the project of the token.
    project_id: str | None = None


class CredentialBody(msgspec.Struct):
    application_credential: dict[str, Any]


async def list_application_credentials(req: Request, user_id: str) -> dict[str, Any]:
    service = req.services.identity.application_credentials
    found = await service.of_user(user_id, req.query.get("name"))
    return listing(req, "application_credentials", [await show_credential(req, c) for c in found])


async def create_application_credential(req: Request, user_id: str, body: CredentialBody) -> dict[str, Any]:
    """By the user, for the project of the token, with no more than the token's roles. The secret is shown this once."""
    in_person(req.who, "create application credentials")
    if req.who.project_id is None:
        raise Refused(why="An application credential is created with a token of the project that it is for.")
    known, _ = parse(CredentialFields, body.application_credential)
    if any(r.id is None and r.name is None for r in known.roles or ()):
        raise Invalid("Expecting to find the id or the name of each role.")
    created, secret = await req.services.identity.application_credentials.create(req.who, CredentialWanted(
        name=known.name,
        description=known.description,
        secret=known.secret,
        expires_at=moment(known.expires_at),
        roles=[(r.id, r.name) for r in known.roles] if known.roles else None,
        unrestricted=bool(known.unrestricted),
        access_rules=[_wanted(r) for r in known.access_rules] if known.access_rules is not None else None,
    ))
    shown = await show_credential(req, created)
    return {"application_credential": shown | {"secret": secret}}


async def get_application_credential(req: Request, user_id: str, application_credential_id: str) -> dict[str, Any]:
    found = await req.services.identity.application_credentials.get(user_id, application_credential_id)
    return {"application_credential": await show_credential(req, found)}


async def delete_application_credential(req: Request, user_id: str, application_credential_id: str) -> None:
    in_person(req.who, "delete application credentials")
    await req.services.identity.application_credentials.delete(user_id, application_credential_id)


async def list_access_rules(req: Request, user_id: str) -> dict[str, Any]:
    wanted = {key: req.query.get(key) for key in ("service", "path", "method") if key in req.query}
    found = await req.services.identity.application_credentials.access_rules(user_id)
    shown = [show_access_rule(r) | _links(req, r) for r in found if all(getattr(r, k) == v for k, v in wanted.items())]
    return listing(req, "access_rules", shown)


async def get_access_rule(req: Request, user_id: str, access_rule_id: str) -> dict[str, Any]:
    found = await req.services.identity.application_credentials.access_rule(user_id, access_rule_id)
    return {"access_rule": show_access_rule(found) | _links(req, found)}


async def delete_access_rule(req: Request, user_id: str, access_rule_id: str) -> None:
    in_person(req.who, "delete access rules")
    await req.services.identity.application_credentials.delete_access_rule(user_id, access_rule_id)


async def show_credential(req: Request, c: ApplicationCredential) -> dict[str, Any]:
    service = req.services.identity.application_credentials
    rules = await service.rules_of(c)
    return {
        "id": c.id,
        "name": c.name,
        "description": c.description,
        "user_id": c.user_id,
        "project_id": c.project_id,
        "system": None,
        "roles": [_role(r) for r in await service.roles(c)],
        "expires_at": c.expires_at.replace(tzinfo=None).isoformat(timespec="microseconds") if c.expires_at is not None else None,
        "unrestricted": c.unrestricted,
        "links": {"self": req.url(f"{BASE}/users/{c.user_id}/application_credentials/{c.id}")},
    } | ({} if rules is None else {"access_rules": [show_access_rule(r) for r in rules]})


def _role(r: Role) -> dict[str, Any]:
    return {"id": r.id, "name": r.name, "domain_id": r.domain_id or None, "description": r.description, "options": r.options}


def show_access_rule(r: AccessRule) -> dict[str, Any]:
    return {"id": r.id, "service": r.service, "method": r.method, "path": r.path}


def _links(req: Request, r: AccessRule) -> dict[str, Any]:
    return {"links": {"self": req.url(f"{BASE}/users/{r.user_id}/access_rules/{r.id}")}}


def _wanted(given: RuleFields) -> RuleWanted:
    """Raises Invalid for a rule that is neither one there is nor a whole new one."""
    if given.id is not None:
        return RuleWanted(id=given.id)
    if given.service is None or given.method is None or given.path is None:
        raise Invalid("Expecting to find the id, or the service, the method and the path, of each access rule.")
    return RuleWanted(service=given.service, method=given.method, path=given.path)


_ALL = "/v3/users/{user_id}/application_credentials"
_ONE = _ALL + "/{application_credential_id}"
_RULES = "/v3/users/{user_id}/access_rules"
_RULE = _RULES + "/{access_rule_id}"
_CREATE = "identity:create_application_credential"
ROUTES = [
    Route("GET", _ALL, list_application_credentials, policy="identity:list_application_credentials", target=targets.owner),
    Route("POST", _ALL, create_application_credential, policy=_CREATE, body=CredentialBody, target=targets.owner, ok=201),
    Route("GET", _ONE, get_application_credential, policy="identity:get_application_credential", target=targets.owner),
    Route("DELETE", _ONE, delete_application_credential, policy="identity:delete_application_credential", target=targets.owner, ok=204),
    Route("GET", _RULES, list_access_rules, policy="identity:list_access_rules", target=targets.owner),
    Route("GET", _RULE, get_access_rule, policy="identity:get_access_rule", target=targets.owner),
    Route("DELETE", _RULE, delete_access_rule, policy="identity:delete_access_rule", target=targets.owner, ok=204),
]
