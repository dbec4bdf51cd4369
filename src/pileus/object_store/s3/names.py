"""Which requests are S3's, and of which bucket and object they are."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from pileus.object_store.s3.errors import S3Error
from pileus.object_store.s3.signatures import is_signed
from pileus.object_store.s3.signatures.v2 import ROOT
from pileus.object_store.wire.message import Request

if TYPE_CHECKING:
    from pileus.object_store.s3.call import Call

#: Beside each bucket: the parts of its multipart uploads.
SEGMENTS = "+segments"
BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]")


def is_below_root(path: str) -> bool:
    return path == ROOT or path.startswith(ROOT + "/")


def is_for_s3(scope: dict, domains: list[str]) -> bool:
    """Whether a request of ASGI's is S3's: by its path, by its signature, or by its host."""
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"] if name.lower() in (b"authorization", b"host")}
    return (is_below_root(scope["path"]) or is_signed(headers.get(b"authorization", ""), scope["query_string"].decode("latin-1"))
            or bool(_bucket_of(headers.get(b"host", ""), domains)))


def is_ours(req: Request, domains: list[str]) -> bool:
    return (is_below_root(req.path) or is_signed(req.header("authorization"), req.query) or bool(bucket_of_host(req, domains)))


def split(req: Request, domains: list[str]) -> tuple[str, str]:
    """Bucket and key; empty when there is none."""
    path = req.path[len(ROOT) :] if is_below_root(req.path) else req.path
    bucket = bucket_of_host(req, domains)
    if bucket:
        return bucket, path[1:]
    bucket, _, key = path[1:].partition("/")
    return bucket, key


def bucket_of_host(req: Request, domains: list[str]) -> str:
    """The bucket that the Host header names: BUCKET.DOMAIN."""
    return _bucket_of(req.header("host"), domains)


def _bucket_of(host: str, domains: list[str]) -> str:
    host = host.partition(":")[0]
    for domain in domains:
        if host.endswith("." + domain.lstrip(".")):
            return host[: -len(domain.lstrip(".")) - 1]
    return ""


def signed_form(req: Request, domains: list[str]) -> Request:
    """The request as version 2 signs it: with the bucket in the path, wherever it was."""
    bucket = bucket_of_host(req, domains)
    if not bucket or (not req.header("authorization").startswith("AWS ") and "AWSAccessKeyId=" not in req.query):
        return req
    return Request(req.method, f"/{bucket}{req.path}", req.headers, query=req.query)


def segments(bucket: str) -> str:
    """The container of a bucket's parts."""
    return bucket + SEGMENTS


def is_bucket(name: str) -> bool:
    """Whether a bucket can have this name (User guide, "Bucket naming rules")."""
    if not BUCKET.fullmatch(name) or ".." in name or ".-" in name or "-." in name:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return True
    return False


def check(call: Call) -> None:
    """Raises S3Error for names that nothing can have."""
    if not call.bucket:
        return
    if not is_bucket(call.bucket):
        raise S3Error("InvalidBucketName", BucketName=call.bucket)
    if len(call.key.encode("utf-8", "surrogateescape")) > call.config.limits.max_object_name_length:
        raise S3Error("KeyTooLongError")
    if "\0" in call.key or any("\ud800" <= c <= "\udfff" for c in call.key):
        raise S3Error("InvalidURI")
