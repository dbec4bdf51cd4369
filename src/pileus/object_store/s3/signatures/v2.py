"""Signatures of version 2 (S3 API reference, "Signing and authenticating REST requests"). Old clients, and `swift`'s, still use them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime
from urllib.parse import parse_qsl, quote

from pileus.object_store.s3.errors import S3Error
from pileus.object_store.s3.numbers import is_number
from pileus.object_store.s3.signatures.claim import Claim, check_skew, moment
from pileus.object_store.wire.conditional import moment as http_moment
from pileus.object_store.wire.message import Request

#: Everything below it is S3's, signed or not. No bucket can have such a short name.
ROOT = "/s3"
#: Parameters that are signed: those that ask for another thing than the bucket or object itself.
SIGNED = frozenset(("acl", "cors", "delete", "legal-hold", "lifecycle", "location", "logging", "notification", "object-lock", "partNumber",
                    "policy", "requestPayment", "restore", "retention", "tagging", "torrent", "uploadId", "uploads", "versionId",
                    "versioning", "versions", "website", "response-cache-control", "response-content-disposition",
                    "response-content-encoding", "response-content-language", "response-content-type", "response-expires"))


def by_header(req: Request, now: datetime) -> Claim:
    access, colon, signature = req.header("authorization").removeprefix("AWS ").strip().rpartition(":")
    if not colon or not access or not signature:
        raise S3Error("AccessDenied")
    date = req.header("x-amz-date") or req.header("date")
    made = http_moment(date) or moment(date)
    if made is None:
        raise S3Error("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
    check_skew(made, now)
    return _claim(req, access, signature, "" if "x-amz-date" in req.headers else req.header("date"), in_query=False)


def by_query(req: Request, now: datetime) -> Claim:
    params = req.params
    access, signature, expires = (params.get(name, "") for name in ("AWSAccessKeyId", "Signature", "Expires"))
    if not access or not signature or not expires:
        raise S3Error("AccessDenied", "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters")
    if not is_number(expires) or int(expires) >= 1 << 32:
        raise S3Error("AccessDenied", "Invalid date (should be seconds since epoch): " + expires)
    if int(expires) < now.timestamp():
        raise S3Error("AccessDenied", "Request has expired", Expires=expires, ServerTime=now.strftime("%Y-%m-%dT%H:%M:%SZ"))
    return _claim(req, access, signature, expires, in_query=True)


def _claim(req: Request, access: str, signature: str, date: str, *, in_query: bool) -> Claim:
    amazon = sorted((name, value.strip()) for name, value in req.headers.items() if name.startswith("x-amz-"))
    params = parse_qsl(req.query, keep_blank_values=True, errors="surrogateescape")
    asked = sorted((name, value) for name, value in params if name in SIGNED)
    query = "?" + "&".join(f"{name}={value}" if value else name for name, value in asked) if asked else ""
    lines = [req.method, req.header("content-md5"), req.header("content-type"), date, *(f"{name}:{value}" for name, value in amazon)]
    whole = quote(req.path, safe="/-_.~", errors="surrogateescape")
    below = whole.removeprefix(ROOT) if whole.startswith(ROOT + "/") else whole
    # Clients leave out what is before the bucket, and end a bucket's path with a slash whether it is sent or not.
    ways = dict.fromkeys((whole, below, below + "/") if below.count("/") == 1 else (whole, below))
    text, *others = ("\n".join((*lines, resource + query)) for resource in ways)
    return Claim(access=access, signature=signature, text=text, others=tuple(others), in_query=in_query)
