"""Logins of those whom somebody else identifies: an unscoped token by OS-FEDERATION, and websso for browsers.

No token is asked for: what proves who it is, is the identity provider's word (`federation.assertions`).
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.errors import Unauthenticated
from pileus.core.http import Reply, Request, Route
from pileus.identity.api.assertion import assertion_of
from pileus.identity.api.auth import show
from pileus.identity.api.views import BASE
from pileus.identity.federation.assertions import of_claims
from pileus.identity.federation.websso import COOKIE, LIFE_S
from pileus.identity.service.tokens import Verified

CALLBACK = "/v3/auth/OS-FEDERATION/oidc/callback"


async def federated_token(req: Request, idp_id: str, protocol_id: str) -> Reply:
    """An unscoped token, to be exchanged for one with a scope."""
    verified = await req.services.identity.federated_logins.log_in(idp_id, protocol_id, await assertion_of(req, idp_id))
    return Reply(201, {"token": show(verified)}, {"x-subject-token": verified.token, "vary": "X-Auth-Token"})


async def websso_of_idp(req: Request, idp_id: str, protocol_id: str) -> Reply:
    """A browser's login: by the web server in front if it has identified them, or else away to the provider."""
    identity = req.services.identity
    origin = identity.websso.check_origin(req.query.get("origin"))
    if identity.assertions.believes(req.falcon.remote_addr):
        return _page(req, origin, await identity.federated_logins.log_in(idp_id, protocol_id, await assertion_of(req, idp_id)))
    client = identity.assertions.clients.get(idp_id)
    if client is None:
        raise Unauthenticated()
    await identity.federation.protocols.get(idp_id, protocol_id)
    journey, state, cookie = identity.websso.begin(idp_id, protocol_id, origin)
    url = await client.login_url(req.url(BASE.removesuffix("/v3") + CALLBACK), state, journey.nonce, journey.verifier)
    return Reply(302, None, {"location": url, "set-cookie": _cookie(req, cookie, LIFE_S), "cache-control": "no-store"})


async def websso(req: Request, protocol_id: str) -> Reply:
    """As `websso_of_idp`, by the provider that the web server in front names, or the only one there is."""
    return await websso_of_idp(req, await _idp(req), protocol_id)


async def callback(req: Request) -> Reply:
    """Back from the provider, with a code for what it says of them."""
    identity = req.services.identity
    journey = identity.websso.resume(req.query.get("state"), req.falcon.cookies.get(COOKIE))
    code = req.query.get("code")
    if not code:
        raise Unauthenticated()
    redirect_uri = req.url(BASE.removesuffix("/v3") + CALLBACK)
    claims = await identity.assertions.clients[journey.idp_id].exchange(code, redirect_uri, journey.nonce, journey.verifier)
    verified = await identity.federated_logins.log_in(journey.idp_id, journey.protocol_id, of_claims(claims))
    return _page(req, journey.origin, verified)


async def _idp(req: Request) -> str:
    identity = req.services.identity
    attribute = identity.core.config.remote_id_attribute
    if identity.assertions.believes(req.falcon.remote_addr) and attribute:
        said = (await assertion_of(req, "")).get(attribute, [])
        found = await identity.federation.idps.of_remote(said[0]) if len(said) == 1 else None
        if found is None:
            raise Unauthenticated()
        return found.id
    if len(identity.assertions.clients) != 1:
        raise Unauthenticated()
    return next(iter(identity.assertions.clients))


def _page(req: Request, origin: str, verified: Verified) -> Reply:
    body, headers = req.services.identity.websso.page(origin, verified.token)
    gone = {"set-cookie": _cookie(req, "", 0)}
    return Reply(200, headers=headers | gone, data=body, content_type="text/html; charset=utf-8")


def _cookie(req: Request, value: str, life_s: int) -> str:
    """Lax: it must come along when the provider sends the browser back."""
    secure = "; Secure" if req.origin.startswith("https:") else ""
    return f"{COOKIE}={value}; Path={BASE}/auth/OS-FEDERATION; Max-Age={life_s}; HttpOnly; SameSite=Lax{secure}"


_TOKEN = "/v3/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/auth"
_WEBSSO = "/v3/auth/OS-FEDERATION/websso/{protocol_id}"
_WEBSSO_OF_IDP = "/v3/auth/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/websso"
ROUTES = [
    *(Route(method, _TOKEN, federated_token) for method in ("GET", "POST")),
    *(Route(method, _WEBSSO, websso) for method in ("GET", "POST")),
    *(Route(method, _WEBSSO_OF_IDP, websso_of_idp) for method in ("GET", "POST")),
    Route("GET", CALLBACK, callback),
]
