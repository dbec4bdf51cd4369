"""What S3 can be asked: level, what of it, method → the handler, and the action that policies know it by. The whole API is this table."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Awaitable, Callable

from pileus.object_store.s3 import buckets, cors, labels, listing, multi_delete, objects, service, stubs, versioning
from pileus.object_store.s3.acl import documents as acl
from pileus.object_store.s3.call import Call
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.s3.lifecycle import documents as lifecycle
from pileus.object_store.s3.lock import documents as lock
from pileus.object_store.s3.multipart import complete, parts, uploads
from pileus.object_store.s3.policy import enforce as policy
from pileus.object_store.wire.message import Response

Handler = Callable[[Call], Awaitable[Response]]
Methods = dict[str, tuple[Handler, str]]

#: Made where the caller is at home, whoever shares a bucket of that name.
CREATE_BUCKET = "s3:CreateBucket"
#: The thing itself, not a sub-resource of it.
ITSELF = ""
SERVICE: dict[str, Methods] = {ITSELF: {"GET": (service.list_buckets, "s3:ListAllMyBuckets")}}
BUCKET: dict[str, Methods] = {
    ITSELF: {"GET": (listing.list_objects, "s3:ListBucket"), "HEAD": (buckets.head, "s3:ListBucket"),
             "PUT": (buckets.create, CREATE_BUCKET), "DELETE": (buckets.delete, "s3:DeleteBucket")},
    "accelerate": {"GET": (stubs.accelerate, "s3:GetAccelerateConfiguration"),
                   "PUT": (stubs.not_implemented, "s3:PutAccelerateConfiguration")},
    "acl": {"GET": (acl.show_bucket, "s3:GetBucketAcl"), "PUT": (acl.change_bucket, "s3:PutBucketAcl")},
    "cors": {"GET": (cors.show, "s3:GetBucketCORS"), "PUT": (cors.change, "s3:PutBucketCORS"), "DELETE": (cors.remove, "s3:PutBucketCORS")},
    "delete": {"POST": (multi_delete.delete, "")},      # each object is looked at by itself
    "lifecycle": {"GET": (lifecycle.show, "s3:GetLifecycleConfiguration"), "PUT": (lifecycle.change, "s3:PutLifecycleConfiguration"),
                  "DELETE": (lifecycle.remove, "s3:PutLifecycleConfiguration")},
    "location": {"GET": (buckets.location, "s3:GetBucketLocation")},
    "logging": {"GET": (stubs.logging, "s3:GetBucketLogging"), "PUT": (stubs.not_implemented, "s3:PutBucketLogging")},
    "notification": {"GET": (stubs.notification, "s3:GetBucketNotification"), "PUT": (stubs.not_implemented, "s3:PutBucketNotification")},
    "object-lock": {"GET": (lock.show_bucket, "s3:GetBucketObjectLockConfiguration"),
                    "PUT": (lock.change_bucket, "s3:PutBucketObjectLockConfiguration")},
    "policy": {"GET": (policy.show, "s3:GetBucketPolicy"), "PUT": (policy.change, "s3:PutBucketPolicy"),
               "DELETE": (policy.remove, "s3:DeleteBucketPolicy")},
    "requestPayment": {"GET": (stubs.request_payment, "s3:GetBucketRequestPayment"),
                       "PUT": (stubs.not_implemented, "s3:PutBucketRequestPayment")},
    "tagging": {"GET": (labels.show_bucket, "s3:GetBucketTagging"), "PUT": (labels.tag_bucket, "s3:PutBucketTagging"),
                "DELETE": (labels.untag_bucket, "s3:PutBucketTagging")},
    "uploads": {"GET": (uploads.list_uploads, "s3:ListBucketMultipartUploads")},
    "versioning": {"GET": (versioning.show, "s3:GetBucketVersioning"), "PUT": (versioning.change, "s3:PutBucketVersioning")},
    "versions": {"GET": (versioning.list_versions, "s3:ListBucketVersions")},
}
OBJECT: dict[str, Methods] = {
    ITSELF: {"GET": (objects.get, "s3:GetObject"), "HEAD": (objects.head, "s3:GetObject"), "PUT": (objects.put, "s3:PutObject"),
             "DELETE": (objects.delete, "s3:DeleteObject")},
    "acl": {"GET": (acl.show_object, "s3:GetObjectAcl"), "PUT": (acl.change_object, "s3:PutObjectAcl")},
    "legal-hold": {"GET": (lock.show_hold, "s3:GetObjectLegalHold"), "PUT": (lock.change_hold, "s3:PutObjectLegalHold")},
    "retention": {"GET": (lock.show_retention, "s3:GetObjectRetention"), "PUT": (lock.change_retention, "s3:PutObjectRetention")},
    "tagging": {"GET": (labels.show_object, "s3:GetObjectTagging"), "PUT": (labels.tag_object, "s3:PutObjectTagging"),
                "DELETE": (labels.untag_object, "s3:DeleteObjectTagging")},
    "uploads": {"POST": (uploads.create, "s3:PutObject")},
    "uploadId": {"GET": (parts.list_parts, "s3:ListMultipartUploadParts"), "PUT": (parts.upload, "s3:PutObject"),
                 "POST": (complete.complete, "s3:PutObject"), "DELETE": (uploads.abort, "s3:AbortMultipartUpload")},
    "partNumber": {"GET": (objects.get, "s3:GetObject"), "HEAD": (objects.head, "s3:GetObject"), "PUT": (parts.upload, "s3:PutObject")},
}
#: Requests about these are never about the bucket or object itself: "DELETE /BUCKET?encryption" is not to delete it.
UNKNOWN = (*stubs.ABSENT, "abac", "analytics", "attributes", "intelligent-tiering", "inventory", "metadataConfiguration",
           "metadataInventoryTable", "metadataJournalTable", "metadataTable", "metrics", "policyStatus", "renameObject", "restore",
           "select", "session", "torrent")
#: Actions that have another name when they are about one version.
OF_VERSIONS = {"s3:GetObject": "s3:GetObjectVersion", "s3:DeleteObject": "s3:DeleteObjectVersion",
               "s3:GetObjectAcl": "s3:GetObjectVersionAcl", "s3:GetObjectTagging": "s3:GetObjectVersionTagging",
               "s3:PutObjectTagging": "s3:PutObjectVersionTagging", "s3:DeleteObjectTagging": "s3:DeleteObjectVersionTagging"}


def find(call: Call) -> tuple[Handler, str]:
    """The handler of a call, and its action. Raises S3Error for what is not there, or is not done this way."""
    table = OBJECT if call.key else BUCKET if call.bucket else SERVICE
    if (absent := next((name for name in UNKNOWN if name in call.params), "")) and call.bucket:
        if call.req.method == "GET" and not call.key and absent in stubs.ABSENT:
            return stubs.absent, "s3:ListBucket"
        raise S3Error("NotImplemented", "The requested resource is not implemented")
    part = next((name for name in table if name and name in call.params), ITSELF)
    if call.req.method not in table[part]:
        level = "OBJECT" if call.key else "BUCKET" if call.bucket else "SERVICE"
        raise S3Error("MethodNotAllowed", Method=call.req.method, ResourceType=level)
    handler, action = table[part][call.req.method]
    return handler, OF_VERSIONS.get(action, action) if call.params.get("versionId") else action
