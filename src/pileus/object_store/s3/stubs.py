"""What S3 asks of every bucket and this store does not do: it says so in the way in which clients understand it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.object_store.s3 import xml
from pileus.object_store.s3.call import Call, answer
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.wire.message import Response

#: Settings of buckets that this store does not have → what reading one answers that was never set.
ABSENT = {"encryption": "ServerSideEncryptionConfigurationNotFoundError", "ownershipControls": "OwnershipControlsNotFoundError",
          "publicAccessBlock": "NoSuchPublicAccessBlockConfiguration", "replication": "ReplicationConfigurationNotFoundError",
          "website": "NoSuchWebsiteConfiguration"}


async def logging(call: Call) -> Response:
    """Access is not logged into buckets."""
    await call.done("HEAD", call.bucket)
    return answer("BucketLoggingStatus")


async def request_payment(call: Call) -> Response:
    await call.done("HEAD", call.bucket)
    return answer("RequestPaymentConfiguration", xml.tag("Payer", "BucketOwner"))


async def notification(call: Call) -> Response:
    await call.done("HEAD", call.bucket)
    return answer("NotificationConfiguration")


async def accelerate(call: Call) -> Response:
    await call.done("HEAD", call.bucket)
    return answer("AccelerateConfiguration")


async def absent(call: Call) -> Response:
    """What nobody could ever set is not there."""
    await call.done("HEAD", call.bucket)
    raise S3Error(next(code for name, code in ABSENT.items() if name in call.params), BucketName=call.bucket)


async def not_implemented(call: Call) -> Response:
    raise S3Error("NotImplemented", "The requested resource is not implemented")
