"""Headers of objects, as S3 has them and as the store has them. What is in no list here does not pass, in either direction.

So no header of Swift's gets through S3 (CVE-2026-71192): neither one that changes what a request does, nor one that shows
what S3 does not.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import parse_qsl

from pileus.object_store.s3 import payload, tagging
from pileus.object_store.s3.call import Call
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.wire.message import Response

SAME = ("content-type", "content-encoding", "content-disposition", "content-language", "cache-control", "expires", "x-robots-tag")
#: Swift's, and S3's clients may use them all the same: there is nothing like them in S3.
EXPIRY = ("x-delete-at", "x-delete-after")
SHOWN = (*SAME, "last-modified", "content-length", "content-range")
META, SWIFT_META = "x-amz-meta-", "x-object-meta-"
#: What S3 keeps of an object is system metadata that begins so.
KEPT = "x-object-sysmeta-s3api-"
#: Kept with the metadata that can be changed without the body.
CHANGEABLE = "x-object-transient-sysmeta-s3api-"
CONDITIONS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
ETAG, TAGGING, ACL, REDIRECT = KEPT + "etag", CHANGEABLE + "tagging", CHANGEABLE + "acl", KEPT + "redirect"
#: What listings show instead of the stored hash.
LISTED_ETAG = "x-object-sysmeta-container-update-override-etag"
OVERRIDES = {"response-" + name: name for name in SAME}
MOST_META = 2048


def written(call: Call) -> dict[str, str]:
    """Headers of an object that a request makes."""
    headers = {name: value for name in SAME if (value := call.header(name))}
    if payload.is_streaming(call) and (encodings := headers.pop("content-encoding", "")):
        kept = [part.strip() for part in encodings.split(",") if part.strip() != "aws-chunked"]
        if kept:
            headers["content-encoding"] = ", ".join(kept)
    headers.setdefault("content-type", "binary/octet-stream")
    headers |= {name: value for name in EXPIRY if (value := call.header(name))}
    headers |= user_metadata(call.req.headers)
    if (storage := call.header("x-amz-storage-class", "STANDARD")) != "STANDARD":
        raise S3Error("InvalidStorageClass", StorageClassRequested=storage)
    if "x-amz-server-side-encryption-customer-algorithm" in call.req.headers or "x-amz-server-side-encryption" in call.req.headers:
        raise S3Error("NotImplemented", "Server-side encryption is the operator's, for all objects.")
    if redirect := call.header("x-amz-website-redirect-location"):
        headers[REDIRECT] = redirect
    if "x-amz-tagging" in call.req.headers:
        headers[TAGGING] = tags_of_header(call.header("x-amz-tagging"))
    return headers


def user_metadata(headers: Mapping[str, str]) -> dict[str, str]:
    """Raises S3Error for more than S3 allows."""
    found = {SWIFT_META + name.removeprefix(META): value for name, value in headers.items() if name.startswith(META)}
    if sum(len(name) - len(SWIFT_META) + len(value.encode("utf-8", "surrogateescape")) for name, value in found.items()) > MOST_META:
        raise S3Error("MetadataTooLarge")
    return found


def shown(call: Call, response: Response) -> dict[str, str]:
    """Headers of an object as S3 shows them."""
    headers = {name: response.headers[name] for name in SHOWN if name in response.headers}
    headers |= {META + name.removeprefix(SWIFT_META): value for name, value in response.headers.items() if name.startswith(SWIFT_META)}
    headers["etag"] = quoted(response.header(ETAG) or response.header("etag"))
    headers["accept-ranges"] = "bytes"
    if redirect := response.header(REDIRECT):
        headers["x-amz-website-redirect-location"] = redirect
    if tags := response.header(TAGGING):
        headers["x-amz-tagging-count"] = str(len(parse_qsl(tags, keep_blank_values=True)))
    if parts := response.header("x-parts-count"):
        headers["x-amz-mp-parts-count"] = parts
    if (delete_at := response.header("x-delete-at")).isdigit():
        date = format_datetime(datetime.fromtimestamp(int(delete_at), UTC), usegmt=True)
        headers["x-amz-expiration"] = f'expiry-date="{date}", rule-id="swift-object-expiration"'
    if response.ok:
        headers |= {name: call.params[wanted] for wanted, name in OVERRIDES.items() if wanted in call.params}
    return headers


def quoted(etag: str) -> str:
    etag = etag.strip('"')
    return f'"{etag}"'


def conditions(call: Call) -> dict[str, str]:
    """What a reader wants to be true: compared with the ETag that S3 shows."""
    headers = {name: call.header(name) for name in CONDITIONS if name in call.req.headers}
    return headers | {"x-backend-etag-is-at": ETAG}


def tags_of_header(text: str) -> str:
    """Tags as a query, which is how they are kept. Raises S3Error."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))
    except ValueError:
        sentence = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates."
        raise S3Error("InvalidArgument", sentence, ArgumentName="x-amz-tagging", ArgumentValue=text) from None
    return tagging.stored(pairs, 10)
