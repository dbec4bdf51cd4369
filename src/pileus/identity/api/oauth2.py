"""POST /v3/OS-OAUTH2/token: an access token by the grant of client credentials (RFC 6749, 4.4), in a form."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import binascii
from urllib.parse import parse_qsl, unquote_plus

from pileus.core.clock import parse_iso
from pileus.core.errors import TooLarge
from pileus.core.http import Reply, Request, Route
from pileus.identity.api.assertion import source_of
from pileus.identity.errors import OAuth2InvalidClient, OAuth2InvalidRequest, OAuth2UnsupportedGrant

FORM = "application/x-www-form-urlencoded"
LONGEST = 16_384


async def create_access_token(req: Request) -> Reply:
    form = await _form(req)
    if "grant_type" not in form:
        raise OAuth2InvalidRequest(parameter="grant_type")
    if form["grant_type"] != "client_credentials":
        raise OAuth2UnsupportedGrant(grant=form["grant_type"])
    identity = req.services.identity
    certificate = identity.assertions.certificate(req.falcon.remote_addr, req.headers)
    client, secret = _basic(req.header("authorization")) or (form.get("client_id"), form.get("client_secret"))
    if client and certificate is not None and not secret:
        verified = await identity.oauth2.certificate(client, certificate)
    elif client and secret:
        verified = await identity.oauth2.client_credentials(client, secret, source_of(req))
    else:
        raise OAuth2InvalidClient()
    left = parse_iso(verified.context.expires_at) - identity.core.clock.now()
    body = {"access_token": verified.token, "token_type": "Bearer", "expires_in": int(left.total_seconds())}
    return Reply(200, body, {"cache-control": "no-store"})


async def _form(req: Request) -> dict[str, str]:
    """The fields of the body. Raises OAuth2InvalidRequest for one that comes twice."""
    if (req.falcon.content_type or "").partition(";")[0].strip().lower() != FORM:
        raise OAuth2InvalidRequest(parameter="grant_type")
    raw = b""
    async for chunk in req.stream:
        raw += chunk
        if len(raw) > LONGEST:
            raise TooLarge()
    pairs = parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True)
    found = dict(pairs)
    if len(found) != len(pairs):
        raise OAuth2InvalidRequest("A parameter is given more than once.")
    return found


def _basic(authorization: str | None) -> tuple[str, str] | None:
    """(client, secret) of the header. Raises OAuth2InvalidClient for one that is none."""
    kind, _, text = (authorization or "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        client, found, secret = base64.b64decode(text.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise OAuth2InvalidClient() from None
    return (unquote_plus(client), unquote_plus(secret)) if found else None


ROUTES = [Route("POST", "/v3/OS-OAUTH2/token", create_access_token, stream=True)]
