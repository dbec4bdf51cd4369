"""Logins in a browser: out to the identity provider and back, and the page that hands a token to the dashboard.

Between out and back nothing is kept here: the state that goes along is sealed with the keys of tokens, is good for ten
minutes, and only for the browser that has the cookie made with it.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import hashlib
import hmac
import html

import msgspec

from pileus.core.clock import Clock
from pileus.core.errors import Unauthenticated
from pileus.core.ids import Ids
from pileus.identity.config import IdentityConfig
from pileus.identity.keys import Keys

LIFE_S = 600
COOKIE = "pileus_websso"
_KIND = b"websso:"


class Journey(msgspec.Struct, frozen=True, kw_only=True):
    """A login under way. `cookie`: a hash of what the browser keeps."""

    idp_id: str
    protocol_id: str
    origin: str
    nonce: str
    verifier: str
    cookie: str
    until: float


class WebSso:
    def __init__(self, config: IdentityConfig, keys: Keys, clock: Clock, ids: Ids):
        self.config, self.keys, self.clock, self.ids = config, keys, clock, ids

    def check_origin(self, origin: str | None) -> str:
        """The page a token may be handed to. Raises Unauthenticated for one that is not on the list, whole."""
        if origin is None or origin not in self.config.trusted_dashboards:
            raise Unauthenticated(f"{origin} is not a trusted dashboard host.")
        return origin

    def begin(self, idp_id: str, protocol_id: str, origin: str) -> tuple[Journey, str, str]:
        """(the journey, the state that goes along, the cookie for the browser)."""
        cookie = self._secret()
        journey = Journey(
            idp_id=idp_id,
            protocol_id=protocol_id,
            origin=origin,
            nonce=self._secret(),
            verifier=self._secret(),
            cookie=_hash(cookie),
            until=self.clock.now().timestamp() + LIFE_S,
        )
        return journey, self.keys.seal(_KIND + msgspec.json.encode(journey)), cookie

    def resume(self, state: str | None, cookie: str | None) -> Journey:
        """The journey this browser began. Raises Unauthenticated for any other."""
        opened = self.keys.open_token(state) if state and len(state) < 4096 else None
        if opened is None or not opened.startswith(_KIND) or not cookie:
            raise Unauthenticated()
        journey = msgspec.json.decode(opened[len(_KIND) :], type=Journey)
        if journey.until < self.clock.now().timestamp() or not hmac.compare_digest(journey.cookie, _hash(cookie)):
            raise Unauthenticated()
        return journey

    def page(self, origin: str, token: str) -> tuple[bytes, dict[str, str]]:
        """A page that sends the token to the dashboard by itself, and its headers: it may do nothing else."""
        script = "document.forms[0].submit();"
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        body = (
            '<!DOCTYPE html><html><head><meta charset="utf-8"><title>Signing in</title></head><body>'
            f'<form action="{html.escape(origin)}" method="post">'
            f'<input type="hidden" name="token" value="{html.escape(token)}"><noscript><button>Continue</button></noscript>'
            f"</form><script>{script}</script></body></html>"
        )
        headers = {
            "content-security-policy": f"default-src 'none'; script-src 'sha256-{digest}'",
            "cache-control": "no-store",
            "referrer-policy": "no-referrer",
        }
        return body.encode(), headers

    def _secret(self) -> str:
        return base64.urlsafe_b64encode(self.ids.secret(32)).decode().rstrip("=")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
