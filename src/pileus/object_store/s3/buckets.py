"""Buckets: made, looked at, deleted, and where they are."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.object_store.s3 import shared, xml
from pileus.object_store.s3.acl import buckets as acl
from pileus.object_store.s3.acl import owners
from pileus.object_store.s3.call import Call
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.s3.lock.model import LOCKS
from pileus.object_store.s3.multipart import layout
from pileus.object_store.wire.message import Response, is_true


async def head(call: Call) -> Response:
    got = await call.done("HEAD", call.bucket)
    return Response(200, {"content-type": "application/xml", "x-amz-bucket-region": call.s3.regions[0],
                          "x-container-object-count": got.header("x-container-object-count")})


async def create(call: Call) -> Response:
    wanted = await call.document("CreateBucketConfiguration", required=False)
    if wanted is not None and (place := wanted.value("LocationConstraint")) and place not in call.s3.regions:
        raise S3Error("InvalidLocationConstraint")
    lists, shares = acl.of_new(call)
    lists |= owners.of_new_bucket(call)
    if is_true(call.header("x-amz-bucket-object-lock-enabled")):
        lists |= {f"x-container-sysmeta-{LOCKS}": "true", "x-versions-enabled": "true"}
    shares = shares or call.s3.global_names
    if (info := await call.info(call.bucket)).exists:
        await call.done("HEAD", call.bucket)        # who may not see it learns nothing of it
        if call.s3.global_names:
            await shared.publish(call)              # of a bucket whose making was cut off
        owned = not call.s3.s3_acl or owners.owns_bucket(call, info)
        raise S3Error("BucketAlreadyOwnedByYou" if owned else "BucketAlreadyExists", BucketName=call.bucket)
    made = await call.ask("PUT", call.bucket, headers=lists)
    if made.status == 202:
        raise S3Error("BucketAlreadyOwnedByYou", BucketName=call.bucket)
    if not made.ok:
        raise await call.error(made, call.bucket)
    if shares:
        await _publish(call)
    return Response(200, {"location": f"/{call.bucket}"})


async def _publish(call: Call) -> None:
    """Raises S3Error when the name is somebody else's; then there is no bucket. It is there first: a name stands for what is there."""
    try:
        await shared.publish(call)
    except S3Error:
        await (await call.ask("DELETE", call.bucket)).close()
        raise


async def delete(call: Call) -> Response:
    """Uploads that are under way go with the bucket."""
    gone = await call.ask("DELETE", call.bucket)
    if gone.status == 409:
        raise S3Error("BucketNotEmpty", BucketName=call.bucket)
    if not gone.ok:
        raise await call.error(gone, call.bucket)
    await shared.withdraw(call)
    await layout.drop_all(call)
    return Response(204)


async def location(call: Call) -> Response:
    await call.done("HEAD", call.bucket)
    region = call.s3.regions[0]
    body = xml.document("LocationConstraint") if region == "us-east-1" else \
        xml.tag("LocationConstraint", region, f' xmlns="{xml.NAMESPACE}"').encode()
    return Response(200, {"content-type": "application/xml"}, body)
