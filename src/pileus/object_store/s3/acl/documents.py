"""Access lists as sub-resources (API reference, "PutBucketAcl", "PutObjectAcl")."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.object_store.s3 import metadata, objects, shared, views
from pileus.object_store.s3.acl import buckets, grants, owners
from pileus.object_store.s3.acl import objects as of_objects
from pileus.object_store.s3.acl.grants import WRITE
from pileus.object_store.s3.call import Call
from pileus.object_store.s3.multipart import layout
from pileus.object_store.wire.message import Response


async def show_bucket(call: Call) -> Response:
    await call.done("HEAD", call.bucket)
    info = await call.bucket_info()
    return grants.shown(owners.shown(call, owners.of_bucket(info)), buckets.of_bucket(call, info).grants)


async def change_bucket(call: Call) -> Response:
    """A canned list, grants in headers, or a document."""
    wanted = await grants.asked(call, owners.shown(call, owners.of_bucket(await call.bucket_info())))
    headers = buckets.written(call, wanted)
    if wanted.grants:
        await shared.publish(call)
    by = call.as_owner() if call.granted.paths else call        # lists are taken from owners only
    await by.done("POST", call.bucket, headers=headers)
    if any(grant.permission == WRITE for grant in wanted.grants):   # who may only write could not make it
        await layout.make_container(by)
    if (await call.info(layout.segments(call.bucket))).exists:
        await by.done("POST", layout.segments(call.bucket), headers={name: headers[name] for name in layout.LISTS})
    return Response(200)


async def show_object(call: Call) -> Response:
    found = await objects.read(call, "HEAD")
    return grants.shown(await _owner(call, found), of_objects.of_object(found.headers).grants)


async def change_object(call: Call) -> Response:
    owner = await _owner(call, await objects.read(call, "HEAD")) if call.s3.s3_acl else views.id_of(call)
    wanted = await grants.asked(call, owner)
    await objects.change(call, {metadata.ACL: await of_objects.written(call, wanted)})
    return Response(200)


async def _owner(call: Call, found: Response) -> str:
    """The owner of an object, as documents name him."""
    return owners.shown(call, owners.of_object(found.headers), owners.of_bucket(await call.bucket_info()))
