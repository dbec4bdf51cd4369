"""Making an object of the parts of an upload.

What is asked for twice is answered twice: the object knows of which upload it was made. Parts that are not in it go.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import binascii
import hashlib
from typing import Any

import msgspec

from pileus.object_store.s3 import metadata, objects, xml
from pileus.object_store.s3.acl import owners
from pileus.object_store.s3.call import Call, answer, url_quoted
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.s3.lock.model import HOLD, RETENTION
from pileus.object_store.s3.multipart import layout
from pileus.object_store.s3.names import segments
from pileus.object_store.s3.numbers import is_number
from pileus.object_store.wire.body import stream
from pileus.object_store.wire.message import Response

#: Headers of the upload that the object gets.
GIVEN = (*metadata.SAME, metadata.REDIRECT, metadata.TAGGING, metadata.ACL, owners.HEADER, RETENTION, HOLD)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    etag: str


async def complete(call: Call) -> Response:
    upload, conditions = call.params["uploadId"], objects.preconditions(call)
    begun = await layout.look(call)
    made_before = await _made_of(call, upload) if begun is None else ""
    if begun is None and not made_before:
        raise S3Error("NoSuchUpload", UploadId=upload)
    document = await call.document("CompleteMultipartUpload", checked=False)    # the checksum that headers tell is that of the object
    assert document is not None
    parts = _parts(call, document)
    etag = _etag(parts)
    if begun is None:
        if made_before != etag:
            raise S3Error("NoSuchUpload", UploadId=upload)
        return _answered(call, etag, Response(200))
    replaced = await layout.parts_of_current(call, call.key)
    headers = {name: value for name in GIVEN if (value := begun.header(name))}
    headers |= {name: value for name, value in begun.headers.items() if name.startswith(metadata.SWIFT_META)}
    headers |= {metadata.ETAG: etag, layout.UPLOAD: upload, metadata.LISTED_ETAG: f"{etag.partition('-')[0]}; s3_etag={etag}"}
    headers |= conditions
    made, kept = await _make(call, upload, parts, headers)
    container = segments(call.bucket)
    await (await call.ask("DELETE", container, layout.upload_name(call.key, upload))).close()
    await layout.drop_parts(call, upload, kept)
    if replaced and replaced != upload:
        await layout.drop_parts(call, replaced)
    return _answered(call, etag, made)


def _parts(call: Call, document: xml.Node) -> list[Part]:
    """Raises S3Error for what is no list of parts in their order."""
    parts: list[Part] = []
    for node in document.all("Part"):
        number, etag = node.value("PartNumber"), node.value("ETag").strip('"')
        if not is_number(number) or node.find("ETag") is None:
            raise S3Error("MalformedXML")
        if parts and int(number) <= parts[-1].number:
            raise S3Error("InvalidPartOrder", UploadId=call.params["uploadId"])
        if len(etag) != 32 or not all(c in "0123456789abcdef" for c in etag) or not 0 < int(number) <= call.s3.max_upload_part_num:
            raise S3Error("InvalidPart", UploadId=call.params["uploadId"], PartNumber=number, ETag=etag)
        parts.append(Part(number=int(number), etag=etag))
    if not parts:
        raise S3Error("MalformedXML")
    if len(parts) > call.s3.max_upload_part_num:
        raise S3Error("InvalidRequest", "You must specify at most the allowed number of parts")
    return parts


def _etag(parts: list[Part]) -> str:
    """The hash of the parts' hashes, and how many they are."""
    digest = hashlib.md5(b"".join(binascii.unhexlify(part.etag) for part in parts), usedforsecurity=False).hexdigest()
    return f"{digest}-{len(parts)}"


async def _make(call: Call, upload: str, parts: list[Part], headers: dict[str, str]) -> tuple[Response, frozenset[str]]:
    """The object, and the names of the parts that it needs."""
    container = segments(call.bucket)
    last = await call.ask("HEAD", container, layout.part_name(upload, parts[-1].number), {"x-newest": "true"})
    if last.ok and last.header("content-length") == "0" and last.header("etag").strip('"') == parts[-1].etag:
        parts = parts[:-1]                  # nothing of it is in the object, whose manifest could not list it either
    if not parts:
        headers.setdefault("content-type", "binary/octet-stream")
        return await call.done("PUT", call.bucket, call.key, headers), frozenset()
    names = {layout.part_name(upload, part.number): part for part in parts}
    listed = [{"path": f"/{container}/{name}", "etag": part.etag} for name, part in names.items()]
    body = msgspec.json.encode(listed)
    headers["content-length"] = str(len(body))
    made = await call.ask("PUT", call.bucket, call.key, headers, query="multipart-manifest=put", body=stream(body),
                          facts={"slo.accept": lambda entries: _check_sizes(call, entries, parts)})
    if made.status == 400:
        await made.close()
        errors = made.facts.get("slo.errors", ())
        if errors and all("Too Small" in why for _, why in errors):
            raise S3Error("EntityTooSmall", MinSizeAllowed=call.s3.min_segment_size)
        wrong = {int(name.rpartition("/")[2]) for name, _ in errors}
        part = next((part for part in parts if part.number in wrong), parts[-1])
        raise S3Error("InvalidPart", UploadId=upload, PartNumber=part.number, ETag=part.etag)
    if not made.ok:
        raise await call.error(made, call.bucket, call.key)
    return made, frozenset(names)


def _check_sizes(call: Call, entries: list[Any], parts: list[Part]) -> None:
    """Raises S3Error when a part other than the last is too small."""
    for entry, part in zip(entries[:-1], parts, strict=False):
        if entry.part.size < call.s3.min_segment_size:
            raise S3Error("EntityTooSmall", ProposedSize=entry.part.size, MinSizeAllowed=call.s3.min_segment_size, PartNumber=part.number,
                          ETag=part.etag)


async def _made_of(call: Call, upload: str) -> str:
    """The ETag of the object that is there, when it was made of this upload."""
    found = await call.ask("HEAD", call.bucket, call.key, {"x-newest": "true"})
    await found.close()
    return found.header(metadata.ETAG) if layout.upload_of(found) == upload else ""


def _answered(call: Call, etag: str, made: Response) -> Response:
    location = f"{call.req.facts.get('scheme', 'http')}://{call.header('host')}{url_quoted(call.req.path)}"
    return answer("CompleteMultipartUploadResult", xml.tag("Location", location), xml.tag("Bucket", call.bucket), xml.tag("Key", call.key),
                  xml.tag("ETag", metadata.quoted(etag)), headers=objects.of_version(made))
