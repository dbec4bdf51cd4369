"""Access lists as sub-resources (API reference, "PutBucketAcl", "PutObjectAcl")."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.object_store.s3 import metadata, objects, shared
from pileus.object_store.s3.acl import buckets, grants
from pileus.object_store.s3.acl import objects as of_objects
from pileus.object_store.s3.call import Call
from pileus.object_store.s3.multipart import layout
from pileus.object_store.wire.message import Response


async def show_bucket(call: Call) -> Response:
    await call.done("HEAD", call.bucket)
    return grants.shown(call, buckets.of_bucket(await call.bucket_info()).grants)


async def change_bucket(call: Call) -> Response:
    """A canned list, grants in headers, or a document."""
    await call.bucket_info()
    wanted = await grants.asked(call)
    headers = buckets.written(wanted)
    if wanted.grants:
        await shared.publish(call)
    by = call.as_owner() if call.granted.paths else call        # lists are taken from owners only
    await by.done("POST", call.bucket, headers=headers)
    if headers["x-container-write"]:                            # who may only write could not make it
        await layout.make_container(by)
    if (await call.info(layout.segments(call.bucket))).exists:
        await by.done("POST", layout.segments(call.bucket), headers={name: headers[name] for name in layout.LISTS})
    return Response(200)


async def show_object(call: Call) -> Response:
    found = await objects.read(call, "HEAD")
    return grants.shown(call, of_objects.of_object(found.headers).grants)


async def change_object(call: Call) -> Response:
    wanted = await grants.asked(call)
    await objects.change(call, {metadata.ACL: await of_objects.written(call, wanted)})
    return Response(200)
