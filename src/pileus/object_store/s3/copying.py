"""Copies of objects, within the store (API reference, "CopyObject")."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from urllib.parse import parse_qsl, quote, unquote

import msgspec

from pileus.object_store.pipeline.grants import GRANTED
from pileus.object_store.s3 import metadata, names, rights, shared, views, xml
from pileus.object_store.s3.acl import objects as acl
from pileus.object_store.s3.call import Call, answer, version_query
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.s3.lock.headers import of_new
from pileus.object_store.s3.lock.model import HOLD, RETENTION
from pileus.object_store.s3.multipart import layout
from pileus.object_store.wire.message import Response

HEADER = "x-amz-copy-source"
TO_ITSELF = ("This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, "
             "storage class, website redirect location or encryption attributes.")
#: Of the request → of the source.
CONDITIONS = {f"{HEADER}-{name}": name for name in metadata.CONDITIONS}


class Source(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    key: str
    version: str = ""

    @property
    def query(self) -> str:
        return version_query(self.version)


def source_of(call: Call) -> Source:
    """Raises S3Error for a header that names no object."""
    text = call.header(HEADER)
    path, mark, query = text.partition("?")
    version = ""
    if mark:
        given = dict(parse_qsl(query, keep_blank_values=True))
        if set(given) != {"versionId"} or not given["versionId"]:
            raise S3Error("InvalidArgument", "Unsupported copy source parameter.", ArgumentName=HEADER, ArgumentValue=text)
        version = given["versionId"]
    bucket, slash, key = unquote(path, errors="surrogateescape").removeprefix("/").partition("/")
    if not slash or not key:
        raise S3Error("InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey", ArgumentName=HEADER,
                      ArgumentValue=text)
    if not names.is_bucket(bucket):
        raise S3Error("InvalidBucketName", BucketName=bucket)
    return Source(bucket=bucket, key=key, version=version)


async def copy(call: Call) -> Response:
    source = source_of(call)
    directive = call.header("x-amz-metadata-directive", "COPY")
    if directive not in ("COPY", "REPLACE"):
        raise S3Error("InvalidArgument", "Unknown metadata directive.", ArgumentName="x-amz-metadata-directive", ArgumentValue=directive)
    if call.req.length:
        raise S3Error("InvalidRequest", "The body of a copy must be empty.")
    same = (source.bucket, source.key, source.version) == (call.bucket, call.key, "")
    if same and directive == "COPY" and call.header("x-amz-storage-class", "STANDARD") == "STANDARD":
        raise S3Error("InvalidRequest", TO_ITSELF)
    at, found = await look(call, source)
    if int(found.header("content-length", "0")) > call.config.limits.max_file_size:
        raise S3Error("InvalidRequest", "The specified copy source is larger than the maximum allowable size for a copy source: "
                      f"{call.config.limits.max_file_size}")
    replaced = "" if same else await layout.parts_of_current(call, call.key)
    headers = from_source(call, at, found) | _headers(call, found, directive) | await of_new(call) | await acl.of_new(call)
    made = await call.done("PUT", call.bucket, call.key, headers, query=source.query, facts={GRANTED: call.granted | at.granted})
    if replaced:
        await layout.drop_parts(call, replaced)
    return result("CopyObjectResult", made, found)


async def look(call: Call, source: Source) -> tuple[Call, Response]:
    """The source as it is now, which must be as the request wants it, and a call about it. Raises S3Error."""
    at = call.about(source.key, bucket=source.bucket)
    at.params = {"versionId": source.version} if source.version else {}
    await shared.locate(at)
    await rights.enforce(at, "s3:GetObjectVersion" if source.version else "s3:GetObject")
    wanted = {name: call.header(header) for header, name in CONDITIONS.items() if header in call.req.headers}
    found = await at.ask("HEAD", source.bucket, source.key, {**wanted, "x-backend-etag-is-at": metadata.ETAG}, query=source.query)
    if found.status in (304, 412):
        await found.close()
        raise S3Error("PreconditionFailed")
    if not found.ok:
        raise await at.error(found, source.bucket, source.key)
    return at, found


def from_source(call: Call, at: Call, found: Response) -> dict[str, str]:
    """Headers of a PUT that is a copy of what was found there."""
    headers = {"x-copy-from": quote(f"{at.bucket}/{at.key}", errors="surrogateescape"), "if-match": found.header("etag")}
    return headers | ({"x-copy-from-account": quote(at.account)} if at.account != call.account else {})


def _headers(call: Call, found: Response, directive: str) -> dict[str, str]:
    """Those of the PUT: with REPLACE what the request says, otherwise the source's own, and its tags unless there are new ones."""
    headers = {RETENTION: "", HOLD: "", metadata.ACL: ""}   # locks and lists are a version's, and do not go with its copies
    said = metadata.written(call)
    if directive == "REPLACE":
        headers |= said | {"x-fresh-metadata": "true"}
    replaced = call.header("x-amz-tagging-directive", "COPY") == "REPLACE"
    headers[metadata.TAGGING] = said.get(metadata.TAGGING, "") if replaced else found.header(metadata.TAGGING)
    return headers


def result(name: str, made: Response, found: Response) -> Response:
    told = {"x-amz-copy-source-version-id": found.header("x-object-version-id")} if found.header("x-object-version-id") else {}
    if made.header("x-object-version-id"):
        told["x-amz-version-id"] = made.header("x-object-version-id")
    return answer(name, xml.tag("LastModified", views.shown_date(made.header("last-modified"))),
                  xml.tag("ETag", metadata.quoted(made.header("etag"))), headers=told)
