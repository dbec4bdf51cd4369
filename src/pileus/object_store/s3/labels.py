"""Tags of objects and buckets as sub-resources (API reference, "PutObjectTagging", "PutBucketTagging")."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.object_store.s3 import kept, metadata, objects, tagging, xml
from pileus.object_store.s3.call import Call
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.wire.message import Response

OF_OBJECTS, OF_BUCKETS = 10, 50
NAME = "tagging"


async def show_object(call: Call) -> Response:
    found = await objects.read(call, "HEAD")
    return Response(200, {"content-type": "application/xml", **objects.of_version(found)},
                    xml.document("Tagging", tagging.shown(found.header(metadata.TAGGING))))


async def tag_object(call: Call) -> Response:
    document = await call.document("Tagging")
    assert document is not None
    await objects.change(call, {metadata.TAGGING: tagging.read(document, OF_OBJECTS)})
    return Response(200)


async def untag_object(call: Call) -> Response:
    await objects.change(call, {metadata.TAGGING: ""})
    return Response(204)


async def show_bucket(call: Call) -> Response:
    await call.done("HEAD", call.bucket)
    found = await kept.load(call, NAME)
    if found is None:
        raise S3Error("NoSuchTagSet", BucketName=call.bucket)
    return Response(200, {"content-type": "application/xml"}, xml.document("Tagging", tagging.shown(found.decode())))


async def tag_bucket(call: Call) -> Response:
    document = await call.document("Tagging")
    assert document is not None
    await kept.save(call, NAME, tagging.read(document, OF_BUCKETS).encode())
    return Response(204)


async def untag_bucket(call: Call) -> Response:
    await kept.save(call, NAME, None)
    return Response(204)
