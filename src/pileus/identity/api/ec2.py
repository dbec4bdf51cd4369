"""EC2 keys below their user, and the tokens that services get for what was signed with them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from pileus.core.errors import Invalid
from pileus.core.http import Reply, Request, Route
from pileus.identity.api import targets
from pileus.identity.api.auth import reply
from pileus.identity.api.views import BASE, listing
from pileus.identity.model import Credential
from pileus.identity.service.delegation import in_person, no_program
from pileus.identity.service.ec2 import Pair
from pileus.identity.signatures import Signed


class KeyBody(msgspec.Struct):
    tenant_id: Annotated[str, Meta(min_length=1, max_length=64)]


class SignedFields(msgspec.Struct, kw_only=True):
    """`token`: what was signed, of S3's; the rest is EC2's."""

    access: str
    signature: str = ""
    verb: str = ""
    host: str = ""
    path: str = ""
    params: dict[str, str] = {}
    headers: dict[str, str] = {}
    body_hash: str = ""
    token: str | None = None


class SignedBody(msgspec.Struct):
    credentials: SignedFields | None = None
    ec2Credentials: SignedFields | None = None


async def list_keys(req: Request, user_id: str) -> dict[str, Any]:
    in_person(req.who, "access credentials")
    await req.services.identity.users.get(user_id)
    found = await req.services.identity.ec2.of_user(user_id)
    return listing(req, "credentials", [show_key(req, c, pair) for c, pair in found])


async def create_key(req: Request, user_id: str, body: KeyBody) -> dict[str, Any]:
    """Keys do all that their user may on the project: no application credential makes them (OSSA-2026-005)."""
    in_person(req.who, "create EC2 credentials")
    no_program(req.who, "create EC2 credentials")
    await req.services.identity.users.get(user_id)
    await req.services.identity.projects.get(body.tenant_id)
    return {"credential": show_key(req, *await req.services.identity.ec2.create(user_id, body.tenant_id))}


async def get_key(req: Request, user_id: str, credential_id: str) -> dict[str, Any]:
    in_person(req.who, "access credentials")
    return {"credential": show_key(req, *await req.services.identity.ec2.get(user_id, credential_id))}


async def delete_key(req: Request, user_id: str, credential_id: str) -> None:
    in_person(req.who, "delete credentials")
    await req.services.identity.ec2.delete(user_id, credential_id)


async def create_ec2_token(req: Request, body: SignedBody) -> Reply:
    """Asked by a service that got a signed request."""
    given = _given(body)
    signed = Signed(**{f: getattr(given, f) for f in Signed.__struct_fields__})
    return await reply(req, await req.services.identity.ec2.log_in(signed), 200)


async def create_s3_token(req: Request, body: SignedBody) -> Reply:
    given = _given(body)
    if given.token is None:
        raise Invalid("Expecting to find token in credentials.")
    return await reply(req, await req.services.identity.ec2.log_in_s3(given.access, given.signature, given.token), 200)


def show_key(req: Request, c: Credential, pair: Pair) -> dict[str, Any]:
    return {
        "user_id": c.user_id,
        "tenant_id": c.project_id,
        "access": pair.access,
        "secret": pair.secret,
        "trust_id": pair.trust_id,
        "links": {"self": req.url(f"{BASE}/users/{c.user_id}/credentials/OS-EC2/{pair.access}")},
    }


def _given(body: SignedBody) -> SignedFields:
    found = body.credentials or body.ec2Credentials
    if found is None:
        raise Invalid("Expecting to find credentials in the body.")
    return found


_ALL = "/v3/users/{user_id}/credentials/OS-EC2"
_ONE = _ALL + "/{credential_id}"
ROUTES = [
    Route("GET", _ALL, list_keys, policy="identity:ec2_list_credentials", target=targets.owner),
    Route("POST", _ALL, create_key, policy="identity:ec2_create_credential", body=KeyBody, target=targets.owner, ok=201),
    Route("GET", _ONE, get_key, policy="identity:ec2_get_credential", target=targets.owner),
    Route("DELETE", _ONE, delete_key, policy="identity:ec2_delete_credential", target=targets.owner, ok=204),
    Route("POST", "/v3/ec2tokens", create_ec2_token, policy="identity:ec2tokens_validate", body=SignedBody),
    Route("POST", "/v3/s3tokens", create_s3_token, policy="identity:s3tokens_validate", body=SignedBody),
]
