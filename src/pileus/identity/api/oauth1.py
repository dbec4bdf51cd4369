"""OAuth 1.0a: what applications sign for, what users authorize, and the access they have given."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec

from pileus.core.errors import Invalid
from pileus.core.http import Reply, Request, Route
from pileus.identity.api import targets
from pileus.identity.api.roles import show_role
from pileus.identity.api.trusts import RoleRef
from pileus.identity.api.views import BASE, listing
from pileus.identity.model import AccessToken, RequestToken
from pileus.identity.oauth1_signatures import SignedRequest, parameters
from pileus.identity.service.delegation import in_person, no_program
from pileus.identity.service.tokens import stamp

#: Parameters that every signature comes with.
_ALWAYS = ("oauth_consumer_key", "oauth_signature", "oauth_signature_method", "oauth_timestamp", "oauth_nonce")


class AuthorizeBody(msgspec.Struct, forbid_unknown_fields=True):
    roles: list[RoleRef]


async def create_request_token(req: Request) -> Reply:
    project_id = req.header("requested-project-id")
    if not project_id:
        raise Invalid("Expecting to find Requested-Project-Id in the headers of the request.")
    return _written(*await req.services.identity.oauth1.request(signed(req), project_id))


async def authorize(req: Request, request_token_id: str, body: AuthorizeBody) -> dict[str, Any]:
    """In person: an application does not let others in."""
    in_person(req.who, "authorize applications")
    no_program(req.who, "authorize applications")
    if any((r.id is None) == (r.name is None) for r in body.roles):
        raise Invalid("Expecting to find either the id or the name of each role.")
    roles = [(r.id, r.name) for r in body.roles]
    verifier = await req.services.identity.oauth1.authorize(request_token_id, str(req.who.user_id), roles)
    return {"token": {"oauth_verifier": verifier}}


async def create_access_token(req: Request) -> Reply:
    return _written(*await req.services.identity.oauth1.access(signed(req, "oauth_token", "oauth_verifier")))


async def list_access_tokens(req: Request, user_id: str) -> dict[str, Any]:
    found = await req.services.identity.oauth1.of_user(user_id)
    return listing(req, "access_tokens", [show_access_token(req, t) for t in found])


async def get_access_token(req: Request, user_id: str, access_token_id: str) -> dict[str, Any]:
    return {"access_token": show_access_token(req, await req.services.identity.oauth1.get(user_id, access_token_id))}


async def delete_access_token(req: Request, user_id: str, access_token_id: str) -> None:
    in_person(req.who, "delete access tokens")
    await req.services.identity.oauth1.delete(user_id, access_token_id)


async def list_roles(req: Request, user_id: str, access_token_id: str) -> dict[str, Any]:
    oauth1 = req.services.identity.oauth1
    return listing(req, "roles", [show_role(req, r) for r in await oauth1.roles(await oauth1.get(user_id, access_token_id))])


async def get_role(req: Request, user_id: str, access_token_id: str, role_id: str) -> dict[str, Any]:
    oauth1 = req.services.identity.oauth1
    return {"role": show_role(req, await oauth1.role(await oauth1.get(user_id, access_token_id), role_id))}


def signed(req: Request, *also: str) -> SignedRequest:
    """The request as its sender signed it. Raises Invalid for one that is not signed, or says too little (`also`: what it must)."""
    said = parameters(req.header("authorization"))
    if said is None:
        raise Invalid("Error in retrieving OAuth headers.")
    for name in (*_ALWAYS, *also):
        if not said.get(name):
            raise Invalid(f"Expecting to find {name} in the Authorization header.")
    return SignedRequest(method=req.method, url=req.url(req.path), query=tuple(req.query.pairs), said=said)


def show_access_token(req: Request, t: AccessToken) -> dict[str, Any]:
    one = f"{BASE}/users/{t.user_id}/OS-OAUTH1/access_tokens/{t.id}"
    return {
        "id": t.id,
        "consumer_id": t.consumer_id,
        "authorizing_user_id": t.user_id,
        "project_id": t.project_id,
        "expires_at": stamp(t.expires_at) if t.expires_at is not None else None,
        "links": {"self": req.url(one), "roles": req.url(f"{one}/roles")},
    }


def _written(token: RequestToken | AccessToken, secret: str) -> Reply:
    """A token as OAuth writes it: a form."""
    said = {"oauth_token": token.id, "oauth_token_secret": secret}
    if token.expires_at is not None:
        said["oauth_expires_at"] = stamp(token.expires_at)
    return Reply(201, data=urlencode(said).encode(), content_type="application/x-www-form-urlencoded")


_TOKENS = "/v3/users/{user_id}/OS-OAUTH1/access_tokens"
_TOKEN = _TOKENS + "/{access_token_id}"
_ROLES = "identity:list_access_token_roles"
ROUTES = [
    Route("POST", "/v3/OS-OAUTH1/request_token", create_request_token, ok=201),
    Route("POST", "/v3/OS-OAUTH1/access_token", create_access_token, ok=201),
    Route(
        "PUT", "/v3/OS-OAUTH1/authorize/{request_token_id}", authorize, policy="identity:authorize_request_token", body=AuthorizeBody
    ),
    Route("GET", _TOKENS, list_access_tokens, policy="identity:list_access_tokens", target=targets.owner),
    Route("GET", _TOKEN, get_access_token, policy="identity:get_access_token", target=targets.owner),
    Route("DELETE", _TOKEN, delete_access_token, policy="identity:delete_access_token", target=targets.owner, ok=204),
    Route("GET", _TOKEN + "/roles", list_roles, policy=_ROLES, target=targets.owner),
    Route("GET", _TOKEN + "/roles/{role_id}", get_role, policy="identity:get_access_token_role", target=targets.owner),
]
