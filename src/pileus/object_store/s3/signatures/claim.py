"""What a signed request claims: whose key, what was signed, and the signature."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from pileus.object_store.s3.errors import S3Error

#: How far a request's own date may be from now.
SKEW = timedelta(minutes=15)


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    access: str
    signature: str
    text: str                               # what was signed
    others: tuple[str, ...] = ()            # version 2: other ways in which clients write the same
    canonical: str = ""                     # the request as version 4 sees it
    scope: tuple[str, ...] = ()             # version 4: day, region, service, the end
    stamp: str = ""                         # version 4: the moment, as it was signed
    in_query: bool = False

    def key(self, secret: str) -> bytes:
        """What signs: of version 4 a key that is good for its scope only."""
        if not self.scope:
            return secret.encode("utf-8", "surrogateescape")
        key = b"AWS4" + secret.encode("utf-8", "surrogateescape")
        for part in self.scope:
            key = hmac.digest(key, part.encode("utf-8", "surrogateescape"), "sha256")
        return key

    def made(self, secret: str, signed: str) -> bytes:
        """The signature that the owner of the secret makes."""
        text = signed.encode("utf-8", "surrogateescape")
        if self.scope:
            return hmac.new(self.key(secret), text, "sha256").hexdigest().encode()
        return base64.b64encode(hmac.digest(self.key(secret), text, "sha1"))

    def check(self, secret: str) -> None:
        """Raises S3Error unless the owner of the secret signed this."""
        given = self.signature.encode("utf-8", "surrogateescape")
        if not any(hmac.compare_digest(self.made(secret, text), given) for text in (self.text, *self.others)):
            raise mismatch(self, self.text, self.signature)


def mismatch(claim: Claim, text: str, signature: str) -> S3Error:
    """Tells what was signed here, as Amazon does: it is no secret, and the only way to find a client's mistake."""
    fields: dict[str, Any] = {"AWSAccessKeyId": claim.access, "StringToSign": text, "SignatureProvided": signature,
                              "StringToSignBytes": octets(text)}
    if claim.scope:
        fields |= {"CanonicalRequest": claim.canonical, "CanonicalRequestBytes": octets(claim.canonical)}
    return S3Error("SignatureDoesNotMatch", **fields)


def octets(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").hex(" ")


def check_skew(made: datetime, now: datetime) -> None:
    """Raises S3Error for a request that was signed too long ago, or is to come: whoever kept a copy must not send it again."""
    if abs(now - made) > SKEW:
        raise S3Error("RequestTimeTooSkewed", RequestTime=made.strftime("%Y%m%dT%H%M%SZ"), ServerTime=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                      MaxAllowedSkewMilliseconds=int(SKEW.total_seconds() * 1000))


def moment(text: str) -> datetime | None:
    """A date in the form of version 4."""
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
