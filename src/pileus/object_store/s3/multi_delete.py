"""Many objects deleted by one request (API reference, "DeleteObjects")."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio

import msgspec

from pileus.object_store.s3 import checksums, objects, rights, xml
from pileus.object_store.s3.call import Call, answer
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.wire.message import Response


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    version: str = ""


async def delete(call: Call) -> Response:
    await call.bucket_info()
    if not call.header("content-md5") and not any(call.header(checksums.PREFIX + name) for name in checksums.ALGORITHMS) \
            and "x-amz-trailer" not in call.req.headers:
        raise S3Error("InvalidRequest", "Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
    document = await call.document("Delete")
    assert document is not None
    wanted = _wanted(call, document)
    at_once = asyncio.Semaphore(call.s3.concurrency)

    async def one(each: Wanted) -> str:
        async with at_once:
            return await _one(call, each)

    # Of one object several versions may be named: one after another, as they stand there.
    told = await asyncio.gather(*(one(each) for each in wanted)) if len({w.key for w in wanted}) == len(wanted) else \
        [await one(each) for each in wanted]
    quiet = document.value("Quiet").lower() == "true"
    return answer("DeleteResult", *(text for text in told if not quiet or text.startswith("<Error>")))


def _wanted(call: Call, document: xml.Node) -> list[Wanted]:
    named = list(document.all("Object"))
    if not named or len(named) > call.s3.max_multi_delete_objects:
        raise S3Error("MalformedXML")
    keys = [(node.find("Key"), node) for node in named]
    if any(key is None for key, _ in keys):
        raise S3Error("MalformedXML")
    if any(key is not None and not key.text for key, _ in keys):
        raise S3Error("UserKeyMustBeSpecified")
    return [Wanted(key=key.text, version=node.value("VersionId")) for key, node in keys if key is not None]


async def _one(call: Call, wanted: Wanted) -> str:
    """What became of one object."""
    named = [xml.tag("Key", wanted.key)] + ([xml.tag("VersionId", wanted.version)] if wanted.version else [])
    one = call.about(wanted.key)
    try:
        await rights.enforce(one, "s3:DeleteObjectVersion" if wanted.version else "s3:DeleteObject")
        done = await objects.remove(one, wanted.key, wanted.version)
    except S3Error as error:
        return xml.node("Error", *named, xml.tag("Code", error.code), xml.tag("Message", error.message))
    marker = done.get("x-amz-version-id", "") if done.get("x-amz-delete-marker") == "true" else ""
    told = [xml.tag("DeleteMarker", True), xml.tag("DeleteMarkerVersionId", marker)] if marker else []
    return xml.node("Deleted", *named, *told)
