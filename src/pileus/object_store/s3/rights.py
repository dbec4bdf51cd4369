"""Whether a call may be made: by the bucket's policy, by access lists, or because the bucket is the caller's.

What is allowed here to somebody who owns nothing lets him into the paths of this one bucket or object and nowhere else. What
nobody says anything about is left to the store, with the caller's own rights.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.object_store.pipeline.grants import Granted
from pileus.object_store.pipeline.versioning.names import container_of
from pileus.object_store.proxy.info import Info
from pileus.object_store.s3.acl import buckets as bucket_lists
from pileus.object_store.s3.acl import objects as object_lists
from pileus.object_store.s3.acl import owners
from pileus.object_store.s3.acl.grants import EVERYBODY, READ, READ_ACP, WRITE, WRITE_ACP
from pileus.object_store.s3.call import Call
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.s3.names import segments
from pileus.object_store.s3.policy import enforce as policy

#: action → what a bucket's list has to grant for it. Whoever may read a bucket may read its objects, as in the store's own API.
OF_BUCKETS = {"s3:ListBucket": READ, "s3:ListBucketVersions": READ, "s3:ListBucketMultipartUploads": READ, "s3:GetObject": READ,
              "s3:GetObjectVersion": READ, "s3:PutObject": WRITE, "s3:DeleteObject": WRITE, "s3:AbortMultipartUpload": WRITE,
              "s3:ListMultipartUploadParts": WRITE, "s3:GetBucketAcl": READ_ACP, "s3:PutBucketAcl": WRITE_ACP}
#: action → what an object's own list has to grant.
OF_OBJECTS = {"s3:GetObject": READ, "s3:GetObjectVersion": READ, "s3:GetObjectAcl": READ_ACP, "s3:GetObjectVersionAcl": READ_ACP,
              "s3:PutObjectAcl": WRITE_ACP}


async def enforce(call: Call, action: str) -> None:
    """Raises S3Error for what is denied, or is not for the caller to do; notes in the call what it may touch by being allowed."""
    if not call.bucket:
        return
    if call.s3.s3_acl:
        await _enforce_owners(call, action)
        return
    owner = policy.is_owner(call)
    if owner and action in policy.OF_OWNERS:
        return
    said = await policy.ask(call, action)
    if said is False:
        raise S3Error("AccessDenied")
    if owner:
        return
    if said or await _listed(call, action):
        call.granted = _paths(call, action)
    elif call.foreign and OF_BUCKETS.get(action) != READ:       # by whom a container's list lets in besides, the store knows
        raise S3Error("AccessDenied")


async def _enforce_owners(call: Call, action: str) -> None:
    """The same where buckets and objects belong to users: what nobody says anything about is denied to all others."""
    info = await call.info(call.bucket)
    if not info.exists or action == "s3:CreateBucket":
        return                              # there is nothing of anybody's; who may make something, the store knows
    owns = owners.owns_bucket(call, info)
    if owns and action in policy.OF_OWNERS:
        return
    said = await policy.ask(call, action)
    if said is False or not (said or await _owned(call, action, info, owns)):
        raise S3Error("AccessDenied")
    if not policy.is_owner(call):
        call.granted = _paths(call, action)


async def _owned(call: Call, action: str, info: Info, owns: bool) -> bool:
    """Whether it is the caller's own, or a list lets him. Who writes an object needs a right to its bucket, who reads one to itself."""
    allowed, wanted = bucket_lists.of_bucket(call, info), OF_BUCKETS.get(action, "")
    if not call.key or wanted == WRITE:
        return owns or allowed.allow(call.who, wanted)
    found = await call.found()
    if not found.ok:
        return owns or allowed.allow(call.who, READ)        # that it is not there is for those to know who may list the bucket
    own = object_lists.of_object(found.headers)
    return owners.owns_object(call, info, found.headers) or own.allow(call.who, OF_OBJECTS.get(action, ""))


async def _listed(call: Call, action: str) -> bool:
    """Whether a list lets the caller in."""
    info = await call.info(call.bucket)
    if (wanted := OF_BUCKETS.get(action)) is not None:
        allowed = bucket_lists.of_bucket(call, info)
        if wanted in (READ, WRITE):         # of everybody the store knows more: listings, and referrers
            allowed = allowed.without(EVERYBODY)
        if allowed.allow(call.who, wanted):
            return True
    if call.key and (wanted := OF_OBJECTS.get(action)) is not None and info.exists:
        return object_lists.of_object((await call.found()).headers).allow(call.who, wanted)
    return False


def _paths(call: Call, action: str) -> Granted:
    bucket, parts = f"/v1/{call.account}/{call.bucket}", f"/v1/{call.account}/{segments(call.bucket)}"
    if not call.key:
        return Granted((bucket, parts), (parts + "/",))
    versions = f"/v1/{call.account}/{container_of(call.bucket)}/"
    if action.removeprefix("s3:").startswith("Get"):            # no listing: a manifest must not gather what others are uploading
        return Granted((f"{bucket}/{call.key}",), (parts + "/", versions))
    return Granted((f"{bucket}/{call.key}", parts), (parts + "/", versions))
