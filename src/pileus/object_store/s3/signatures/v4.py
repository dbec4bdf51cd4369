"""Signatures of version 4 (S3 API reference, "Authenticating Requests: AWS Signature Version 4").

Every `x-amz-` header that is sent must be signed: what is not could be added by whoever got hold of a presigned URL
(CVE-2026-71191: a copy's source).
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote

from pileus.object_store.s3.errors import S3Error
from pileus.object_store.s3.numbers import is_number
from pileus.object_store.s3.signatures.claim import SKEW, Claim, check_skew, moment
from pileus.object_store.wire.conditional import moment as http_moment
from pileus.object_store.wire.message import Request

NAME = "AWS4-HMAC-SHA256"
UNSIGNED, STREAMING = "UNSIGNED-PAYLOAD", "STREAMING-"
SHA256 = re.compile(r"[0-9a-fA-F]{64}")
LONGEST_S = 604_800
KNOWN = (UNSIGNED, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")


def by_header(req: Request, now: datetime, regions: list[str]) -> Claim:
    given = _given(req.header("authorization"))
    malformed = "AuthorizationHeaderMalformed"
    access, scope = scope_of(given.get("Credential", ""), regions, malformed)
    if not given.get("SignedHeaders") or not given.get("Signature"):
        raise S3Error(malformed)
    made = moment(req.header("x-amz-date")) or moment(req.header("date")) or http_moment(req.header("date"))
    if made is None:
        raise S3Error("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
    check_skew(made, now)
    stamp = made.strftime("%Y%m%dT%H%M%SZ")
    if scope[0] != stamp[:8]:
        raise S3Error(malformed, f"Invalid credential date {scope[0]}. This date is not the same as X-Amz-Date: {stamp[:8]}.")
    payload = req.header("x-amz-content-sha256")
    if not payload:
        raise S3Error("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    if payload not in KNOWN and not SHA256.fullmatch(payload):
        raise S3Error("InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
                      "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
                      ArgumentName="x-amz-content-sha256", ArgumentValue=payload)
    names = given["SignedHeaders"].split(";")
    return _claim(req, (access, scope, stamp), names, given["Signature"], payload, in_query=False)


def by_query(req: Request, now: datetime, regions: list[str]) -> Claim:
    params, malformed = req.params, "AuthorizationQueryParametersError"
    if params.get("X-Amz-Algorithm") != NAME:
        raise S3Error(malformed, f'X-Amz-Algorithm only supports "{NAME}"')
    for name in ("X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"):
        if not params.get(name):
            raise S3Error(malformed, "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
                                     "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
    access, scope = scope_of(params["X-Amz-Credential"], regions, malformed)
    made, stamp = moment(params["X-Amz-Date"]), params["X-Amz-Date"]
    if made is None:
        raise S3Error(malformed, 'X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd\'T\'HHmmss\'Z\'"')
    if scope[0] != stamp[:8]:
        raise S3Error(malformed, f'Invalid credential date "{scope[0]}". This date is not the same as X-Amz-Date: "{stamp[:8]}".')
    _check_life(params["X-Amz-Expires"], made, now)
    names = params["X-Amz-SignedHeaders"].split(";")
    payload = req.header("x-amz-content-sha256") or UNSIGNED
    return _claim(req, (access, scope, stamp), names, params["X-Amz-Signature"], payload, in_query=True)


def _check_life(text: str, made: datetime, now: datetime) -> None:
    malformed = "AuthorizationQueryParametersError"
    if not is_number(text.removeprefix("-")) or int(text) >= 1 << 63:
        raise S3Error(malformed, "X-Amz-Expires should be a number")
    life = int(text)
    if life < 0:
        raise S3Error(malformed, "X-Amz-Expires must be non-negative")
    if life > LONGEST_S:
        raise S3Error(malformed, f"X-Amz-Expires must be less than {LONGEST_S} seconds")
    if made - now > SKEW:
        raise S3Error("AccessDenied", "Request is not valid yet")
    if now > made + timedelta(seconds=life):
        fields: dict[str, Any] = {"X-Amz-Expires": life, "ServerTime": now.strftime("%Y-%m-%dT%H:%M:%SZ")}
        raise S3Error("AccessDenied", "Request has expired", **fields)


def _given(authorization: str) -> dict[str, str]:
    parts = authorization.removeprefix(NAME).strip().split(",")
    return {name.strip(): value.strip() for name, _, value in (part.partition("=") for part in parts)}


def scope_of(credential: str, regions: list[str], malformed: str) -> tuple[str, tuple[str, ...]]:
    """The access key, and what the key that signs is good for. An access key may have slashes in it."""
    parts = credential.rsplit("/", 4)
    if len(parts) != 5 or not all(parts):
        raise S3Error(malformed)
    access, day, region, service, end = parts
    if region not in regions:
        raise S3Error(malformed, f"The authorization header is malformed; the region '{region}' is wrong; expecting '{regions[0]}'",
                      Region=regions[0])
    if service != "s3":
        raise S3Error(malformed, f'The authorization header is malformed; incorrect service "{service}". This endpoint belongs to "s3".')
    if end != "aws4_request":
        raise S3Error(malformed, f'The authorization header is malformed; incorrect terminal "{end}". This endpoint uses "aws4_request".')
    return access, (day, region, service, end)


def _claim(req: Request, key: tuple[str, tuple[str, ...], str], names: list[str], signature: str, payload: str, *, in_query: bool) -> Claim:
    access, scope, stamp = key
    _check_names(req, names)
    shown = "".join(f"{name}:{' '.join(req.header(name).split())}\n" for name in names)
    canonical = "\n".join((req.method, quote(req.path, safe="/-_.~", errors="surrogateescape"), _query(req.query), shown, ";".join(names),
                           payload))
    digest = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
    return Claim(access=access, signature=signature, text="\n".join((NAME, stamp, "/".join(scope), digest)), canonical=canonical,
                 scope=scope, stamp=stamp, in_query=in_query)


def _check_names(req: Request, names: list[str]) -> None:
    """Raises S3Error when something that counts has not been signed."""
    if "host" not in names:
        raise S3Error("AuthorizationHeaderMalformed", "The host header must be signed.")
    unsigned = sorted(name for name in req.headers if name.startswith("x-amz-") and name not in names)
    if unsigned:
        raise S3Error("AccessDenied", "There were headers present in the request which were not signed",
                      HeadersNotSigned=", ".join(unsigned))


def _query(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
    coded = sorted((quote(name, safe="-_.~", errors="surrogateescape"), quote(value, safe="-_.~", errors="surrogateescape"))
                   for name, value in pairs if name != "X-Amz-Signature")
    return "&".join(f"{name}={value}" for name, value in coded)
