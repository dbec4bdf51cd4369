"""What S3 can be asked: (level, what of it, method) → the handler. The whole API is this table."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Awaitable, Callable

from pileus.object_store.s3 import buckets, listing, objects, service
from pileus.object_store.s3.call import Call
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.wire.message import Response

Handler = Callable[[Call], Awaitable[Response]]

#: The thing itself, not a sub-resource of it.
ITSELF = ""
SERVICE: dict[str, dict[str, Handler]] = {ITSELF: {"GET": service.list_buckets}}
BUCKET: dict[str, dict[str, Handler]] = {
    ITSELF: {"GET": listing.list_objects, "HEAD": buckets.head, "PUT": buckets.create, "DELETE": buckets.delete},
    "location": {"GET": buckets.location},
}
OBJECT: dict[str, dict[str, Handler]] = {
    ITSELF: {"GET": objects.get, "HEAD": objects.head, "PUT": objects.put, "DELETE": objects.delete},
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


def proves_itself(handler: Handler) -> bool:
    """Whether the handler finds out by itself who asks."""
    return False
