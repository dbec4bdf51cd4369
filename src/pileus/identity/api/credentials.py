"""Credentials: users see and change their own, administrators everybody's; nobody by a token that was got on
somebody's behalf."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from pileus.core.http import Request, Route
from pileus.identity.api import targets
from pileus.identity.api.bodies import Id, Name, changes, parse, required
from pileus.identity.api.views import filters, links, listing
from pileus.identity.model import Credential
from pileus.identity.service.delegation import in_person, no_program


class CredentialFields(msgspec.Struct, kw_only=True):
    user_id: Id | UnsetType = UNSET
    project_id: Id | UnsetType | None = UNSET
    type: Name | UnsetType = UNSET
    blob: str | UnsetType = UNSET


class CredentialBody(msgspec.Struct):
    credential: dict[str, Any]


async def list_credentials(req: Request) -> dict[str, Any]:
    """Those the caller may see one by one, whatever the filters ask for (OSSA-2019-006)."""
    _in_person(req)
    found = await req.services.identity.credentials.matching(filters(req, ("user_id", "type")))
    seen = [c for c in found if req.allows("identity:get_credential", targets.owned(c.user_id))]
    return listing(req, "credentials", [show_credential(req, c) for c in seen])


async def create_credential(req: Request, body: CredentialBody) -> dict[str, Any]:
    _in_person(req)
    known, extra = parse(CredentialFields, body.credential)
    for field in ("user_id", "type", "blob"):
        required(getattr(known, field), field)
    req.enforce("identity:create_credential", targets.owned(str(known.user_id)))
    created = await req.services.identity.credentials.create(**changes(known, extra))
    return {"credential": show_credential(req, created)}


async def get_credential(req: Request, credential_id: str) -> dict[str, Any]:
    _in_person(req)
    return {"credential": show_credential(req, await req.services.identity.credentials.get(credential_id))}


async def update_credential(req: Request, credential_id: str, body: CredentialBody) -> dict[str, Any]:
    _in_person(req)
    known, extra = parse(CredentialFields, body.credential, id=credential_id)
    blob = known.blob if isinstance(known.blob, str) else None
    updated = await req.services.identity.credentials.update(credential_id, changes(known, extra, "blob"), blob=blob)
    return {"credential": show_credential(req, updated)}


async def delete_credential(req: Request, credential_id: str) -> None:
    _in_person(req)
    await req.services.identity.credentials.delete(credential_id)


def show_credential(req: Request, c: Credential) -> dict[str, Any]:
    return c.extra | {
        "id": c.id,
        "user_id": c.user_id,
        "project_id": c.project_id,
        "type": c.type,
        "blob": req.services.identity.credentials.blob(c),
        "links": links(req, "credentials", c.id),
    }


def _in_person(req: Request) -> None:
    """Secrets of a user are not among what a trust, an application credential or EC2 keys give (OSSA-2026-005, CVE-2026-90460)."""
    in_person(req.who, "access credentials")
    no_program(req.who, "access credentials")


_ALL, _ONE = "/v3/credentials", "/v3/credentials/{credential_id}"
ROUTES = [
    Route("GET", _ALL, list_credentials, policy="identity:list_credentials", target=targets.own),
    Route("POST", _ALL, create_credential, policy="identity:create_credential", body=CredentialBody, target=targets.own, ok=201),
    Route("GET", _ONE, get_credential, policy="identity:get_credential", target=targets.credential),
    Route("PATCH", _ONE, update_credential, policy="identity:update_credential", body=CredentialBody, target=targets.credential),
    Route("DELETE", _ONE, delete_credential, policy="identity:delete_credential", target=targets.credential, ok=204),
]
