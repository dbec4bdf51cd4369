"""OpenID Connect: what an identity provider signed, verified; and a code exchanged for it.

The provider is the operator's choice (`[identity.oidc.…]`), so its addresses are trusted; what a user brings is not. Only
signatures made with the provider's published keys and one of the configured algorithms are taken, for our audience and in
their time. joserfc and httpx are loaded when the first token comes: they are the extra `federation`.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import urlencode

from pileus.core.clock import Clock
from pileus.core.errors import Unauthenticated, Unavailable
from pileus.core.log import Log
from pileus.identity.config import OidcProvider

log = Log("pileus.identity.oidc")

TIMEOUT_S = 10.0
#: How far clocks may differ.
LEEWAY_S = 60
#: What a provider says about itself is asked again after this; unknown keys make us ask at most this often.
FRESH_S, EAGER_S = 3600.0, 30.0
LONGEST = 16_384


class ProviderUnavailable(Unavailable):
    code, message = "identity.oidc_unavailable", "The identity provider cannot be asked at the moment."


class OidcClient:
    """Speaks to one provider, and remembers its keys."""

    def __init__(self, provider: OidcProvider, clock: Clock):
        self.provider, self.clock = provider, clock
        self._metadata: dict[str, Any] | None = None
        self._keys: Any = None
        self._asked_at = float("-inf")

    async def verify(self, token: str, audience: str, *, nonce: str | None = None) -> dict[str, Any]:
        """The claims of a signed token. Raises Unauthenticated for one that proves nothing."""
        from joserfc import jwt
        from joserfc.errors import JoseError

        if len(token) > LONGEST or token.count(".") != 2:
            raise Unauthenticated()
        await self._refresh(FRESH_S)
        for again in (False, True):
            if again:
                await self._refresh(EAGER_S)  # they may have made new keys
            try:
                claims = jwt.decode(token, self._keys, algorithms=list(self.provider.algorithms)).claims
                break
            except (JoseError, ValueError) as problem:
                why = problem
        else:
            log.info("a token was refused", issuer=self.provider.issuer, why=type(why).__name__)
            raise Unauthenticated()
        self._check(claims, audience, nonce)
        return claims

    async def introspect(self, token: str, audience: str) -> dict[str, Any]:
        """The claims of a token that only the provider can read. Raises Unauthenticated for one that proves nothing.

        Who does not say whom a token is for must have made it for us.
        """
        if not self.provider.introspect or not 0 < len(token) <= LONGEST:
            raise Unauthenticated()
        await self._refresh(FRESH_S)
        body = {"token": token, "token_type_hint": "access_token"}
        claims = await self._send("POST", self._said("introspection_endpoint"), data=body, auth=self._proof())
        if claims.get("active") is not True or ("aud" not in claims and claims.get("client_id") != self.provider.client_id):
            raise Unauthenticated()
        claims = {"iss": self.provider.issuer, "aud": audience} | claims
        self._check(claims, audience, None)
        return claims

    def _check(self, claims: dict[str, Any], audience: str, nonce: str | None) -> None:
        now = self.clock.now().timestamp()
        heard = claims.get("aud")
        for fine in (
            claims.get("iss") == self.provider.issuer,
            audience in (heard if isinstance(heard, list) else [heard]),
            isinstance(claims.get("exp"), int | float) and claims["exp"] > now - LEEWAY_S,
            isinstance(claims.get("nbf", 0), int | float) and claims.get("nbf", 0) <= now + LEEWAY_S,
            isinstance(claims.get("sub"), str) and bool(claims["sub"]),
            nonce is None or claims.get("nonce") == nonce,
        ):
            if not fine:
                raise Unauthenticated()

    async def login_url(self, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """Where a browser is sent to log in. `verifier`: what only we know, so that only we can use the code (PKCE)."""
        await self._refresh(FRESH_S)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        query = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": redirect_uri,
            "scope": self.provider.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        url = self._said("authorization_endpoint")
        return url + ("&" if "?" in url else "?") + urlencode(query)

    async def exchange(self, code: str, redirect_uri: str, nonce: str, verifier: str) -> dict[str, Any]:
        """The claims of the ID token that a code stands for."""
        await self._refresh(FRESH_S)
        body = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": self.provider.client_id,
            "code_verifier": verifier,
        }
        answer = await self._send("POST", self._said("token_endpoint"), data=body, auth=self._proof())
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise Unauthenticated()
        return await self.verify(token, self.provider.client_id, nonce=nonce)

    def _proof(self) -> tuple[str, str] | None:
        """What we prove to be ourselves with; None: we are a public client."""
        return (self.provider.client_id, self.provider.client_secret) if self.provider.client_secret else None

    def _said(self, key: str) -> str:
        value = (self._metadata or {}).get(key)
        if not isinstance(value, str):
            raise ProviderUnavailable(detail=f"{self.provider.issuer} does not say its {key}")
        return value

    async def _refresh(self, older_than_s: float) -> None:
        """Ask what the provider says about itself and its keys, when what we know is older than that."""
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        now = self.clock.monotonic()
        if self._keys is not None and now - self._asked_at < older_than_s:
            return
        metadata = await self._send("GET", self.provider.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if metadata.get("issuer") != self.provider.issuer:
            raise ProviderUnavailable(detail=f"{self.provider.issuer} calls itself {metadata.get('issuer')}")
        self._metadata = metadata
        keys = await self._send("GET", self._said("jwks_uri"))
        try:
            # Symmetric keys are not for publishing: a provider that does would let anybody sign.
            public = [k for k in keys.get("keys", []) if k.get("kty") != "oct" and k.get("use", "sig") == "sig"]
            self._keys = KeySet.import_key_set({"keys": public})
        except (JoseError, ValueError, TypeError, AttributeError) as problem:
            raise ProviderUnavailable(detail=f"the keys of {self.provider.issuer} cannot be read: {problem}") from problem
        self._asked_at = now

    async def _send(self, method: str, url: str, **more: Any) -> dict[str, Any]:
        """The JSON object of an answer. Raises Unauthenticated for a refusal (4xx), ProviderUnavailable for no answer."""
        import httpx

        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client:
                answer = await client.request(method, url, **{k: v for k, v in more.items() if v is not None})
            if method == "POST" and 400 <= answer.status_code < 500:
                raise Unauthenticated()
            found = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as problem:
            raise ProviderUnavailable(detail=f"{method} {url}: {problem}") from problem
        if not isinstance(found, dict):
            raise ProviderUnavailable(detail=f"{method} {url}: not an object")
        return found
