"""What S3 can be asked: (level, what of it, method) → the handler. The whole API is this table."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Awaitable, Callable

from pileus.object_store.s3 import acl, buckets, labels, listing, multi_delete, objects, service, stubs, versioning
from pileus.object_store.s3.call import Call
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.s3.lifecycle import documents as lifecycle
from pileus.object_store.s3.multipart import complete, parts, uploads
from pileus.object_store.wire.message import Response

Handler = Callable[[Call], Awaitable[Response]]

#: The thing itself, not a sub-resource of it.
ITSELF = ""
SERVICE: dict[str, dict[str, Handler]] = {ITSELF: {"GET": service.list_buckets}}
BUCKET: dict[str, dict[str, Handler]] = {
    ITSELF: {"GET": listing.list_objects, "HEAD": buckets.head, "PUT": buckets.create, "DELETE": buckets.delete},
    "accelerate": {"GET": stubs.accelerate, "PUT": stubs.not_implemented},
    "acl": {"GET": acl.show, "PUT": acl.change},
    "delete": {"POST": multi_delete.delete},
    "lifecycle": {"GET": lifecycle.show, "PUT": lifecycle.change, "DELETE": lifecycle.remove},
    "location": {"GET": buckets.location},
    "logging": {"GET": stubs.logging, "PUT": stubs.not_implemented},
    "notification": {"GET": stubs.notification, "PUT": stubs.not_implemented},
    "requestPayment": {"GET": stubs.request_payment, "PUT": stubs.not_implemented},
    "tagging": {"GET": labels.show_bucket, "PUT": labels.tag_bucket, "DELETE": labels.untag_bucket},
    "uploads": {"GET": uploads.list_uploads},
    "versioning": {"GET": versioning.show, "PUT": versioning.change},
    "versions": {"GET": versioning.list_versions},
}
OBJECT: dict[str, dict[str, Handler]] = {
    ITSELF: {"GET": objects.get, "HEAD": objects.head, "PUT": objects.put, "DELETE": objects.delete},
    "acl": {"GET": acl.show, "PUT": acl.change},
    "tagging": {"GET": labels.show_object, "PUT": labels.tag_object, "DELETE": labels.untag_object},
    "uploads": {"POST": uploads.create},
    "uploadId": {"GET": parts.list_parts, "PUT": parts.upload, "POST": complete.complete, "DELETE": uploads.abort},
    "partNumber": {"GET": objects.get, "HEAD": objects.head, "PUT": parts.upload},
}


def find(call: Call) -> Handler:
    """Raises S3Error for what is not there, or is not done this way."""
    table = OBJECT if call.key else BUCKET if call.bucket else SERVICE
    part = next((name for name in table if name and name in call.params), ITSELF)
    handler = table[part].get(call.req.method)
    if handler is None:
        level = "OBJECT" if call.key else "BUCKET" if call.bucket else "SERVICE"
        raise S3Error("MethodNotAllowed", Method=call.req.method, ResourceType=level)
    return handler
