"""Parts of an upload: sent, copied from other objects, listed."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re

from pileus.object_store.pipeline.grants import GRANTED
from pileus.object_store.s3 import copying, listing, objects, views, xml
from pileus.object_store.s3.call import Call, answer
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.s3.multipart import layout
from pileus.object_store.s3.names import segments
from pileus.object_store.wire.message import Response

RANGE = re.compile(r"bytes=(\d+)-(\d+)")
MALFORMED_RANGE = ("The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based "
                   "offsets of the first and last bytes to copy")


async def upload(call: Call) -> Response:
    """A part; one that is there already is replaced."""
    if "uploadId" not in call.params:
        raise S3Error("InvalidArgument", "This operation does not accept partNumber without uploadId", ArgumentName="partNumber",
                      ArgumentValue=call.params.get("partNumber", ""))
    number = layout.part_number(call)
    await layout.find(call)
    name = layout.part_name(call.params["uploadId"], number)
    if copying.HEADER in call.req.headers:
        return await _copy(call, name)
    return await objects.store(call, {"content-type": "application/octet-stream"}, (segments(call.bucket), name))


async def _copy(call: Call, name: str) -> Response:
    source = copying.source_of(call)
    at, found = await copying.look(call, source)
    headers = copying.from_source(call, at, found) | {"x-fresh-metadata": "true", "content-type": "application/octet-stream"}
    if (wanted := call.header("x-amz-copy-source-range")) != "":
        headers["range"] = _range(wanted, int(found.header("content-length", "0")))
    made = await call.done("PUT", segments(call.bucket), name, headers, query=source.query,
                           facts={GRANTED: call.granted | at.granted})
    return copying.result("CopyPartResult", made, found)


def _range(text: str, size: int) -> str:
    piece = RANGE.fullmatch(text)
    if piece is None or int(piece[1]) > int(piece[2]):
        raise S3Error("InvalidArgument", MALFORMED_RANGE, ArgumentName="x-amz-copy-source-range", ArgumentValue=text)
    if int(piece[2]) >= size:
        raise S3Error("InvalidArgument", f"Range specified is not valid for source object of size: {size}",
                      ArgumentName="x-amz-copy-source-range", ArgumentValue=text)
    return text


async def list_parts(call: Call) -> Response:
    await layout.find(call)
    coded = listing.coder(call)
    most = listing.whole_number(call, "max-parts", call.s3.max_parts_listing)
    after = listing.whole_number(call, "part-number-marker", call.s3.max_upload_part_num) if "part-number-marker" in call.params else 0
    upload = call.params["uploadId"]
    found: list[str] = []
    last, more = 0, False
    async for row in layout.rows(call, segments(call.bucket), f"{layout.PARTS}{upload}/", layout.part_name(upload, after)):
        if len(found) >= most:
            more = most > 0
            break
        last = int(row["name"].rpartition("/")[2])
        found.append(xml.node("Part", xml.tag("PartNumber", last), xml.tag("LastModified", views.shown_time(row["last_modified"])),
                              xml.tag("ETag", views.etag_of(row)), xml.tag("Size", row["bytes"])))
    described = [xml.tag("Bucket", call.bucket), xml.tag("Key", coded(call.key)), xml.tag("UploadId", upload),
                 views.owner(call, "Initiator"), views.owner(call), xml.tag("StorageClass", "STANDARD"),
                 xml.tag("PartNumberMarker", after), xml.tag("NextPartNumberMarker", last), xml.tag("MaxParts", most)]
    if call.params.get("encoding-type"):
        described.append(xml.tag("EncodingType", "url"))
    return answer("ListPartsResult", *described, xml.tag("IsTruncated", more), *found)
