"""Whether a bucket keeps versions, and lists of them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import msgspec

from pileus.object_store.pipeline.versioning.names import DELETED, ENABLED, NULL
from pileus.object_store.s3 import listing, views, xml
from pileus.object_store.s3.call import Call, answer
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.s3.lock.model import LOCKS
from pileus.object_store.wire.message import Response, is_true

STATES = {"Enabled": "true", "Suspended": "false"}


async def show(call: Call) -> Response:
    kept = (await call.done("HEAD", call.bucket)).header("x-versions-enabled")
    status = [xml.tag("Status", "Enabled" if is_true(kept) else "Suspended")] if kept else []
    return answer("VersioningConfiguration", *status)


async def change(call: Call) -> Response:
    await call.bucket_info()
    document = await call.document("VersioningConfiguration")
    assert document is not None
    status = document.value("Status")
    if status not in STATES:
        raise S3Error("MalformedXML")
    if status == "Suspended" and (await call.bucket_info()).sysmeta("container", LOCKS) == "true":
        raise S3Error("InvalidBucketState", "An Object Lock configuration is present on this bucket, so the versioning state cannot be "
                                            "changed.")
    await call.done("POST", call.bucket, headers={"x-versions-enabled": STATES[status]})
    return Response(200)


def is_enabled(headers: dict[str, str]) -> bool:
    return is_true(headers.get(ENABLED, ""))


async def bring_back(call: Call, key: str) -> None:
    """Make the newest version of an object that has no current one the current one, unless that says that it is deleted."""
    query = urlencode({"format": "json", "versions": "true", "prefix": key, "limit": "1"}, errors="surrogateescape")
    got = await call.done("GET", call.bucket, query=query)
    newest = next((row for row in msgspec.json.decode(await got.read()) if row.get("name") == key), None)
    if newest is not None and newest["content_type"] != DELETED and newest["version_id"] != NULL:
        await call.done("PUT", call.bucket, key, {"content-length": "0"}, query=f"version-id={newest['version_id']}")


async def list_versions(call: Call) -> Response:
    coded = listing.coder(call)
    most = listing.whole_number(call, "max-keys", call.s3.max_bucket_listing)
    key_marker, version_marker = call.params.get("key-marker", ""), call.params.get("version-id-marker", "")
    if version_marker and not key_marker:
        sentence = ("Invalid version id specified" if "key-marker" in call.params else
                    "A version-id marker cannot be specified without a key marker.")
        raise S3Error("InvalidArgument", sentence, ArgumentName="version-id-marker", ArgumentValue=version_marker)
    asked = {"format": "json", "versions": "true", "limit": str(most + 1), "prefix": call.params.get("prefix", ""), "marker": key_marker,
             "delimiter": call.params.get("delimiter", ""), "version_marker": version_marker}
    query = urlencode({name: value for name, value in asked.items() if value}, errors="surrogateescape")
    got = await call.done("GET", call.bucket, query=query)
    rows = msgspec.json.decode(await got.read()) if most else []
    more, rows = len(rows) > most > 0, rows[:most]
    described = [xml.tag("Name", call.bucket), xml.tag("Prefix", coded(call.params.get("prefix", ""))),
                 xml.tag("KeyMarker", coded(key_marker)), xml.tag("VersionIdMarker", version_marker)]
    if more:
        last = rows[-1]
        described.append(xml.tag("NextKeyMarker", coded(last.get("name") or last["subdir"])))
        described.append(xml.tag("NextVersionIdMarker", last.get("version_id", "null")))
    described.append(xml.tag("MaxKeys", most))
    if "delimiter" in call.params:
        described.append(xml.tag("Delimiter", coded(call.params["delimiter"])))
    if call.params.get("encoding-type"):
        described.append(xml.tag("EncodingType", "url"))
    return answer("ListVersionsResult", *described, xml.tag("IsTruncated", more), *(_shown(call, coded, row) for row in rows))


def _shown(call: Call, coded: Callable[[str], str], row: dict[str, Any]) -> str:
    if "subdir" in row:
        return xml.node("CommonPrefixes", xml.tag("Prefix", coded(row["subdir"])))
    named = [xml.tag("Key", coded(row["name"])), xml.tag("VersionId", row.get("version_id", "null")),
             xml.tag("IsLatest", row.get("is_latest", True)), xml.tag("LastModified", views.shown_time(row["last_modified"]))]
    if row.get("content_type") == DELETED:
        return xml.node("DeleteMarker", *named, views.owner(call))
    return xml.node("Version", *named, xml.tag("ETag", views.etag_of(row)), xml.tag("Size", row["bytes"]), views.owner(call),
                    xml.tag("StorageClass", "STANDARD"))
