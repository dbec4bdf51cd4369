"""SAML 2.0, with this cloud as the identity provider: assertions for a token, and the metadata that others are configured with."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.core.errors import Invalid
from pileus.core.http import Reply, Request, Route
from pileus.identity.api.views import BASE

XML = "text/xml"


class Token(msgspec.Struct):
    id: str


class TokenIdentity(msgspec.Struct):
    methods: list[str]
    token: Token


class Provider(msgspec.Struct):
    id: str


class ProviderScope(msgspec.Struct):
    service_provider: Provider


class AssertionAuth(msgspec.Struct):
    identity: TokenIdentity
    scope: ProviderScope


class AssertionBody(msgspec.Struct):
    auth: AssertionAuth


async def create_assertion(req: Request, body: AssertionBody) -> Reply:
    return await _assertion(req, body, enveloped=False)


async def create_ecp_assertion(req: Request, body: AssertionBody) -> Reply:
    return await _assertion(req, body, enveloped=True)


async def show_metadata(req: Request) -> Reply:
    found = req.services.identity.own_assertions.metadata(req.url(f"{BASE}/OS-FEDERATION/saml2/sso"))
    return Reply(200, data=found, content_type=XML)


async def _assertion(req: Request, body: AssertionBody, *, enveloped: bool) -> Reply:
    if body.auth.identity.methods != ["token"]:
        raise Invalid("Expecting identity.methods to be token, and nothing else.")
    make = req.services.identity.own_assertions.for_provider
    data, sp = await make(body.auth.identity.token.id, body.auth.scope.service_provider.id, enveloped=enveloped)
    return Reply(200, data=data, content_type=XML, headers={"x-sp-url": sp.sp_url, "x-auth-url": sp.auth_url})


ROUTES = [
    Route("POST", "/v3/auth/OS-FEDERATION/saml2", create_assertion, body=AssertionBody),
    Route("POST", "/v3/auth/OS-FEDERATION/saml2/ecp", create_ecp_assertion, body=AssertionBody),
    Route("GET", "/v3/OS-FEDERATION/saml2/metadata", show_metadata),
]
