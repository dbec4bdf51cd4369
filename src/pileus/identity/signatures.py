"""Signatures of Amazon's kind: whether somebody who signed a request knows the secret of an access key. Pure.

Versions 2 and 4 of EC2's, and what S3's come to. Versions 0 and 1 sign too little of a request to be worth anything.
Malformed input fits nothing.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import msgspec

V4 = "AWS4-HMAC-SHA256"
_DIGESTS = {"HmacSHA256": "sha256", "HmacSHA1": "sha1"}
_AUTHORIZATION = re.compile(
    rf"{V4} +Credential=([^/, ]+)/(\d{{8}}/[^/, ]+/[^/, ]+/aws4_request), *SignedHeaders=([^, ]+), *Signature=([0-9a-f]{{64}})"
)
_SCOPE = re.compile(r"[^/]+/(\d{8}/[^/]+/[^/]+/aws4_request)")


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """A signed request, as a service that got it describes it."""

    access: str
    signature: str
    verb: str = ""
    host: str = ""
    path: str = ""
    params: dict[str, str] = {}
    headers: dict[str, str] = {}
    body_hash: str = ""


def fits(secret: str, signed: Signed, now: datetime, within: timedelta) -> bool:
    """Whether the signature is right, and was made just now (OSSA-2020-003: an old one is anybody's who saw it)."""
    headers = {name.lower(): value for name, value in signed.headers.items()}
    if signed.params.get("X-Amz-Algorithm") == V4 or headers.get("authorization", "").startswith(V4):
        return _fits_4(secret, signed, headers, now, within)
    if signed.params.get("SignatureVersion") == "2":
        return _fits_2(secret, signed, now, within)
    return False


def fits_s3(secret: str, signature: str, token: str) -> bool:
    """`token`: what was signed, in Base64. The service that got the request has looked at its date."""
    try:
        text = base64.urlsafe_b64decode(token.replace("+", "-").replace("/", "_"))
    except (binascii.Error, ValueError):
        return False
    if text.startswith(V4.encode() + b"\n"):
        lines = text.decode("utf-8", "replace").split("\n")
        parts = lines[2].split("/") if len(lines) == 4 else []
        return len(parts) == 4 and _same(hmac.new(_key_4(secret, parts), text, "sha256").hexdigest(), signature)
    return _same(base64.b64encode(hmac.digest(secret.encode(), text, "sha1")).decode(), signature)


def _fits_2(secret: str, signed: Signed, now: datetime, within: timedelta) -> bool:
    digest = _DIGESTS.get(signed.params.get("SignatureMethod", ""))
    made, ends = _moment(signed.params.get("Timestamp")), _moment(signed.params.get("Expires"))
    if digest is None or not ((made is not None and abs(now - made) <= within) or (ends is not None and now <= ends <= now + within)):
        return False
    query = _query(signed.params, "Signature")
    text = "\n".join((signed.verb.upper(), signed.host.lower(), signed.path, query))
    return _same(base64.b64encode(hmac.digest(secret.encode(), text.encode(), digest)).decode(), signed.signature)


def _fits_4(secret: str, signed: Signed, headers: Mapping[str, str], now: datetime, within: timedelta) -> bool:
    given = _parts_4(signed, headers)
    stamp = headers.get("x-amz-date") or signed.params.get("X-Amz-Date") or ""
    made = _moment(stamp)
    if given is None or made is None or abs(now - made) > within:
        return False
    scope, names, signature = given
    parts = scope.split("/")
    if parts[0] != stamp[:8] or "host" not in names:
        return False
    shown = "".join(f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in names)
    request = "\n".join(
        (signed.verb.upper(), signed.path, _query(signed.params, "X-Amz-Signature"), shown, ";".join(names), signed.body_hash)
    )
    text = "\n".join((V4, stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
    return _same(hmac.new(_key_4(secret, parts), text.encode(), "sha256").hexdigest(), signature)


def _parts_4(signed: Signed, headers: Mapping[str, str]) -> tuple[str, list[str], str] | None:
    """(scope, names of the signed headers, signature), of the header or of the query; the key must be the one that is claimed."""
    if found := _AUTHORIZATION.fullmatch(headers.get("authorization", "")):
        access, scope, names, signature = found.groups()
        return (scope, names.split(";"), signature) if access == signed.access else None
    credential = signed.params.get("X-Amz-Credential", "")
    found = _SCOPE.fullmatch(credential)
    if found is None or not credential.startswith(signed.access + "/"):
        return None
    return found[1], signed.params.get("X-Amz-SignedHeaders", "").split(";"), signed.signature


def _key_4(secret: str, scope: list[str]) -> bytes:
    key = ("AWS4" + secret).encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _query(params: Mapping[str, str], signature: str) -> str:
    return "&".join(f"{quote(k, safe='-_.~')}={quote(params[k], safe='-_.~')}" for k in sorted(params) if k != signature)


def _moment(text: str | None) -> datetime | None:
    for form in ("%Y%m%dT%H%M%SZ", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%fZ"):
        try:
            return datetime.strptime(text or "", form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def _same(made: str, given: str) -> bool:
    return hmac.compare_digest(made.encode(), given.encode("utf-8", "replace"))
