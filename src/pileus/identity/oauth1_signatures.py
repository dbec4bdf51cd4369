"""Signatures of OAuth 1.0a (RFC 5849): whether who sent a request knows the secrets of a consumer and of a token. Pure.

PLAINTEXT hands over the secrets themselves, so it is as safe as the connection, like a password. Malformed input fits nothing.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import hmac
import re
from urllib.parse import quote, unquote, urlsplit

import msgspec

PLAINTEXT = "PLAINTEXT"
_DIGESTS = {"HMAC-SHA1": "sha1", "HMAC-SHA256": "sha256", "HMAC-SHA512": "sha512"}
_PARAMETER = re.compile(r'\s*([^=,\s]+)="([^"]*)"\s*')
_PORTS = {"http": 80, "https": 443}


class SignedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as its sender signed it. `said`: the parameters of its Authorization header."""

    method: str
    url: str
    query: tuple[tuple[str, str], ...] = ()
    said: dict[str, str]

    @property
    def consumer(self) -> str:
        return self.said.get("oauth_consumer_key", "")

    @property
    def token(self) -> str:
        return self.said.get("oauth_token", "")


def parameters(authorization: str | None) -> dict[str, str] | None:
    """What an Authorization header of OAuth says; None for another one, or for one that says something twice."""
    kind, _, rest = (authorization or "").partition(" ")
    if kind.lower() != "oauth":
        return None
    found: dict[str, str] = {}
    for part in rest.split(","):
        said = _PARAMETER.fullmatch(part)
        if said is None or unquote(said[1]) in found:
            return None
        found[unquote(said[1])] = unquote(said[2])
    return found


def fits(request: SignedRequest, consumer_secret: str, token_secret: str = "") -> bool:
    """Whether these secrets made the request's signature."""
    method = request.said.get("oauth_signature_method", "")
    if method not in (PLAINTEXT, *_DIGESTS) or request.said.get("oauth_version", "1.0") != "1.0":
        return False
    wanted = f"{_escaped(consumer_secret)}&{_escaped(token_secret)}".encode()
    if method != PLAINTEXT:
        wanted = base64.b64encode(hmac.digest(wanted, base_string(request).encode(), _DIGESTS[method]))
    return hmac.compare_digest(wanted, request.said.get("oauth_signature", "").encode("utf-8", "replace"))


def base_string(request: SignedRequest) -> str:
    """What is signed (section 3.4.1)."""
    said = [(k, v) for k, v in request.said.items() if k not in ("realm", "oauth_signature")]
    pairs = sorted((_escaped(k), _escaped(v)) for k, v in [*said, *request.query])
    return "&".join([request.method.upper(), _escaped(_plain(request.url)), _escaped("&".join(f"{k}={v}" for k, v in pairs))])


def _plain(url: str) -> str:
    """The address without its query, and without a port that says nothing."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port not in (None, _PORTS.get(parts.scheme.lower())) else ""
    return f"{parts.scheme.lower()}://{(parts.hostname or '').lower()}{port}{parts.path or '/'}"


def _escaped(text: str) -> str:
    return quote(text, safe="~")
