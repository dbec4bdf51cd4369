"""AWS Signature Version 4, in headers: who sends a request, and that nobody changed it. Pure."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote, urlsplit

import msgspec


class Keys(msgspec.Struct, frozen=True):
    access: str
    secret: str
    region: str
    service: str = "s3"


def query_string(parameters: Mapping[str, str]) -> str:
    """In the one order and spelling that is signed."""
    return "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in sorted(parameters.items()))


def signed(method: str, url: str, headers: Mapping[str, str], digest: str, keys: Keys, now: datetime) -> dict[str, str]:
    """The headers of a request with its signature. `digest` is the SHA-256 of its body, in hexadecimal."""
    parts, stamp = urlsplit(url), now.strftime("%Y%m%dT%H%M%SZ")
    sent = {name.lower(): value for name, value in headers.items()}
    sent |= {"host": parts.netloc, "x-amz-date": stamp, "x-amz-content-sha256": digest}
    names = ";".join(sorted(sent))
    lines = [f"{name}:{sent[name].strip()}" for name in sorted(sent)]
    canonical = "\n".join([method, parts.path or "/", parts.query, *lines, "", names, digest])
    scope = f"{stamp[:8]}/{keys.region}/{keys.service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{keys.secret}".encode()
    for part in (stamp[:8], keys.region, keys.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    return sent | {"authorization": f"AWS4-HMAC-SHA256 Credential={keys.access}/{scope},SignedHeaders={names},Signature={signature}"}
