"""What is inside a token: as few bytes as say it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta

import msgspec

#: By a signature that a service has seen, made with keys of a user for one project.
EC2_KEYS = "ec2credential"
OAUTH1 = "oauth1"
#: The web server in front has looked at who somebody is.
REMOTE = ("external", "kerberos")
#: A certificate, without which the token is worth nothing.
BOUND = "oauth2_credential"
#: By which a program signs with secrets that were made for it.
SIGNED = frozenset({EC2_KEYS, OAUTH1})
#: Proofs of identity, each a bit in a token; new ones are added at the end.
METHODS = ("password", "token", "application_credential", "totp", EC2_KEYS, "mapped", "openid", "saml2", OAUTH1, "x509", *REMOTE, BOUND)
#: Those by which somebody else identifies people.
FEDERATED = frozenset({"mapped", "openid", "saml2", "x509"})
UNSCOPED, PROJECT, DOMAIN, SYSTEM = range(4)
FORMAT = 1
#: A token remembers all tokens it was rescoped from, so that revoking any of them revokes it; so there must be an end.
LONGEST_CHAIN = 8

_HEX_ID = re.compile(r"(?:[0-9a-f]{32}){1,2}")  # UUIDs, SHA-256
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """`audit_ids`: of this token, of the first of its chain, then of those between.

    `trust_id`, `app_cred_id`, `access_token_id`: the token is of that trust, application credential, access token (OAuth 1.0a).
    `credential_id`: it was had by that credential (EC2 keys, the seed of one-time passwords) and ends with it.
    `idp_id`, `protocol_id`: who said so, and how. `thumbprint`: of the certificate that must come with it.
    """

    user_id: str
    methods: frozenset[str]
    scope: int = UNSCOPED
    target_id: str | None = None
    issued_at: datetime
    expires_at: datetime
    generation: int
    audit_ids: tuple[str, ...]
    trust_id: str | None = None
    app_cred_id: str | None = None
    credential_id: str | None = None
    idp_id: str | None = None
    protocol_id: str | None = None
    access_token_id: str | None = None
    thumbprint: str | None = None

    @property
    def shown_methods(self) -> list[str]:
        return [m for m in METHODS if m in self.methods]


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    format: int
    user: bytes
    methods: int
    scope: int
    target: bytes | None
    issued: int
    lifetime: int
    generation: int
    audits: list[bytes]
    trust: bytes | None = None  # absent in tokens made before there were trusts
    app_cred: bytes | None = None
    credential: bytes | None = None
    idp: bytes | None = None
    protocol: bytes | None = None
    access_token: bytes | None = None
    thumbprint: str | None = None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Packed).decode


def pack(p: Payload) -> bytes:
    return _encode(
        _Packed(
            FORMAT,
            _pack_id(p.user_id),
            sum(1 << METHODS.index(m) for m in p.methods),
            p.scope,
            _pack_optional(p.target_id),
            (p.issued_at - _EPOCH) // _MICRO,
            (p.expires_at - p.issued_at) // _MICRO,
            p.generation,
            [base64.urlsafe_b64decode(a + "==") for a in p.audit_ids],
            _pack_optional(p.trust_id),
            _pack_optional(p.app_cred_id),
            _pack_optional(p.credential_id),
            _pack_optional(p.idp_id),
            _pack_optional(p.protocol_id),
            _pack_optional(p.access_token_id),
            p.thumbprint,
        )
    )


def unpack(data: bytes) -> Payload | None:
    """The payload, or None for bytes that are none, or of another format."""
    try:
        p = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if p.format != FORMAT:
        return None
    issued = _EPOCH + p.issued * _MICRO
    return Payload(
        user_id=_unpack_id(p.user),
        methods=frozenset(m for i, m in enumerate(METHODS) if p.methods >> i & 1),
        scope=p.scope,
        target_id=_unpack_optional(p.target),
        issued_at=issued,
        expires_at=issued + p.lifetime * _MICRO,
        generation=p.generation,
        audit_ids=tuple(audit_id(a) for a in p.audits),
        trust_id=_unpack_optional(p.trust),
        app_cred_id=_unpack_optional(p.app_cred),
        credential_id=_unpack_optional(p.credential),
        idp_id=_unpack_optional(p.idp),
        protocol_id=_unpack_optional(p.protocol),
        access_token_id=_unpack_optional(p.access_token),
        thumbprint=p.thumbprint,
    )


def audit_id(secret: bytes) -> str:
    return base64.urlsafe_b64encode(secret).decode().rstrip("=")


def _pack_id(id: str) -> bytes:
    """Half the size for what is a UUID or a hash in hexadecimal; the first byte says which it is."""
    return b"x" + bytes.fromhex(id) if _HEX_ID.fullmatch(id) else b"t" + id.encode()


def _unpack_id(id: bytes) -> str:
    return id[1:].hex() if id[:1] == b"x" else id[1:].decode()


def _pack_optional(id: str | None) -> bytes | None:
    return _pack_id(id) if id is not None else None


def _unpack_optional(id: bytes | None) -> str | None:
    return _unpack_id(id) if id is not None else None
