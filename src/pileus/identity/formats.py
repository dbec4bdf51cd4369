"""How a token is written: sealed (Fernet: few bytes, unreadable to others) or signed (JWS, ES256: whoever has the public key
can read and check it).

The configuration says how new ones are made. Sealed ones are understood in any case, so a cloud that starts signing breaks
nobody's session.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import msgspec

from pileus.identity.keys import Keys
from pileus.identity.payload import DOMAIN, METHODS, PROJECT, SYSTEM, UNSCOPED, Payload, pack, unpack

if TYPE_CHECKING:
    from pileus.identity.signing_keys import SigningKeys

#: No token of ours is longer; what is longer is not even looked at.
LONGEST = 2048
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)


class Header(msgspec.Struct, frozen=True):
    """`alg` has one value: a token does not choose how it is checked."""

    kid: str
    alg: Literal["ES256"] = "ES256"
    typ: str = "JWT"


class Claims(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Keystone's names where it has them. Moments are seconds with a fraction."""

    sub: str
    iat: float
    exp: float
    openstack_methods: list[str]
    openstack_audit_ids: list[str]
    openstack_system: str | None = None
    openstack_project_id: str | None = None
    openstack_domain_id: str | None = None
    openstack_trust_id: str | None = None
    openstack_app_cred_id: str | None = None
    openstack_idp_id: str | None = None
    openstack_protocol_id: str | None = None
    openstack_access_token_id: str | None = None
    openstack_thumbprint: str | None = None
    pileus_credential_id: str | None = None
    pileus_generation: int


_encode = msgspec.json.Encoder().encode
_claims = msgspec.json.Decoder(Claims).decode
_header = msgspec.json.Decoder(Header).decode


class Formats:
    """`signing` None: new tokens are sealed, and signed ones are not understood."""

    def __init__(self, keys: Keys, signing: SigningKeys | None):
        self.keys, self.signing = keys, signing

    def write(self, p: Payload) -> str:
        if self.signing is None:
            return self.keys.seal(pack(p))
        said = f"{_text(_encode(Header(self.signing.primary)))}.{_text(_encode(_as_claims(p)))}"
        return f"{said}.{_text(self.signing.sign(said.encode()))}"

    def read(self, token: str) -> Payload | None:
        """What a token says, or None for one that no key of ours proves."""
        if not 0 < len(token) <= LONGEST:
            return None
        if "." in token:
            return self._signed(token) if self.signing is not None else None
        try:
            _bytes(token)
        except ValueError:
            return None
        data = self.keys.open_token(token)
        return unpack(data) if data is not None else None

    def _signed(self, token: str) -> Payload | None:
        assert self.signing is not None
        said, _, signature = token.rpartition(".")
        head, _, body = said.partition(".")
        try:
            key = _header(_bytes(head)).kid
            if not self.signing.signed(key, said.encode(), _bytes(signature)):
                return None
            return _as_payload(_claims(_bytes(body)))
        except (msgspec.DecodeError, ValueError, binascii.Error):
            return None


def form(token: str) -> str:
    """How a token is written, for people; what signed it is in its header for everybody to read."""
    return f"signed (JWS, ES256) by key {_header(_bytes(token.partition('.')[0])).kid}" if "." in token else "sealed (Fernet)"


def _as_claims(p: Payload) -> Claims:
    return Claims(
        sub=p.user_id,
        iat=(p.issued_at - _EPOCH) / timedelta(seconds=1),
        exp=(p.expires_at - _EPOCH) / timedelta(seconds=1),
        openstack_methods=p.shown_methods,
        openstack_audit_ids=list(p.audit_ids),
        openstack_system="all" if p.scope == SYSTEM else None,
        openstack_project_id=p.target_id if p.scope == PROJECT else None,
        openstack_domain_id=p.target_id if p.scope == DOMAIN else None,
        openstack_trust_id=p.trust_id,
        openstack_app_cred_id=p.app_cred_id,
        openstack_idp_id=p.idp_id,
        openstack_protocol_id=p.protocol_id,
        openstack_access_token_id=p.access_token_id,
        openstack_thumbprint=p.thumbprint,
        pileus_credential_id=p.credential_id,
        pileus_generation=p.generation,
    )


def _as_payload(c: Claims) -> Payload:
    scope = SYSTEM if c.openstack_system else PROJECT if c.openstack_project_id else DOMAIN if c.openstack_domain_id else UNSCOPED
    return Payload(
        user_id=c.sub,
        methods=frozenset(c.openstack_methods) & frozenset(METHODS),
        scope=scope,
        target_id=c.openstack_project_id or c.openstack_domain_id,
        issued_at=_moment(c.iat),
        expires_at=_moment(c.exp),
        generation=c.pileus_generation,
        audit_ids=tuple(c.openstack_audit_ids),
        trust_id=c.openstack_trust_id,
        app_cred_id=c.openstack_app_cred_id,
        idp_id=c.openstack_idp_id,
        protocol_id=c.openstack_protocol_id,
        access_token_id=c.openstack_access_token_id,
        thumbprint=c.openstack_thumbprint,
        credential_id=c.pileus_credential_id,
    )


def _moment(seconds: float) -> datetime:
    """Exact to the microsecond: a double has digits enough for some centuries."""
    return _EPOCH + round(seconds * 1_000_000) * _MICRO


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    """Raises ValueError for what is no base64, also where Python would look past it: a token has one spelling."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _text(data) != text:
        raise ValueError("not written as we write it")
    return data
