"""Uploads: begun, listed, given up."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable

from pileus.object_store.s3 import listing, metadata, views, xml
from pileus.object_store.s3.acl import objects as acl
from pileus.object_store.s3.call import Call, answer
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.s3.lock.headers import of_new
from pileus.object_store.s3.multipart import layout
from pileus.object_store.s3.names import segments
from pileus.object_store.wire.message import Response


async def create(call: Call) -> Response:
    await layout.make_container(call)
    upload = call.feature.store.ids.hex()
    if len(layout.upload_name(call.key, upload).encode("utf-8", "surrogateescape")) > call.config.limits.max_object_name_length:
        raise S3Error("KeyTooLongError")
    await call.done("PUT", segments(call.bucket), layout.upload_name(call.key, upload),
                    metadata.written(call) | await acl.of_new(call) | await of_new(call))
    return answer("InitiateMultipartUploadResult", xml.tag("Bucket", call.bucket), xml.tag("Key", call.key), xml.tag("UploadId", upload))


async def abort(call: Call) -> Response:
    """The upload goes first: from then on no part is added."""
    await layout.find(call)
    upload = call.params["uploadId"]
    await (await call.ask("DELETE", segments(call.bucket), layout.upload_name(call.key, upload))).close()
    await layout.drop_parts(call, upload)
    return Response(204)


async def list_uploads(call: Call) -> Response:
    await call.bucket_info()
    coded = listing.coder(call)
    most = listing.whole_number(call, "max-uploads", call.s3.max_parts_listing)
    prefix, delimiter = call.params.get("prefix", ""), call.params.get("delimiter", "")
    key_marker, upload_marker = call.params.get("key-marker", ""), call.params.get("upload-id-marker", "")
    uploads, folders, more = await _page(call, _after(key_marker, upload_marker), (prefix, delimiter), most)
    key, upload, _ = uploads[-1] if uploads and (more or len(uploads) > 1) else ("", "", "")
    described = [xml.tag("Bucket", call.bucket), xml.tag("KeyMarker", coded(key_marker)), xml.tag("UploadIdMarker", upload_marker),
                 xml.tag("NextKeyMarker", coded(key)), xml.tag("NextUploadIdMarker", upload)]
    described += [xml.tag(name, coded(value)) for name, value in (("Delimiter", delimiter), ("Prefix", prefix)) if value]
    described.append(xml.tag("MaxUploads", most))
    if call.params.get("encoding-type"):
        described.append(xml.tag("EncodingType", "url"))
    described.append(xml.tag("IsTruncated", more))
    return answer("ListMultipartUploadsResult", *described, *(_shown(call, coded, *upload) for upload in uploads),
                  *(xml.node("CommonPrefixes", xml.tag("Prefix", coded(folder))) for folder in folders))


def _after(key: str, upload: str) -> str:
    """The name behind which a page begins."""
    if not key:
        return ""
    return layout.upload_name(key, upload) if upload else f"{layout.UPLOADS}{key}{layout.BEHIND}"


async def _page(call: Call, marker: str, within: tuple[str, str], most: int) -> tuple[list[tuple[str, str, str]], list[str], bool]:
    """Uploads (key, id, begun), what is rolled up, and whether there are more."""
    (prefix, delimiter), uploads, folders = within, list[tuple[str, str, str]](), dict[str, None]()
    async for row in layout.rows(call, segments(call.bucket), layout.UPLOADS + prefix, marker):
        key, upload = layout.parse_upload(row["name"])
        at = key.find(delimiter, len(prefix)) if delimiter else -1
        folder = key[: at + len(delimiter)] if at >= 0 else ""
        if folder and folder in folders:
            continue
        if len(uploads) + len(folders) >= most:
            return uploads, list(folders), most > 0
        if folder:
            folders[folder] = None
        else:
            uploads.append((key, upload, row["last_modified"]))
    return uploads, list(folders), False


def _shown(call: Call, coded: Callable[[str], str], key: str, upload: str, begun: str) -> str:
    return xml.node("Upload", xml.tag("Key", coded(key)), xml.tag("UploadId", upload), views.owner(call, "Initiator"), views.owner(call),
                    xml.tag("StorageClass", "STANDARD"), xml.tag("Initiated", views.shown_time(begun)))
