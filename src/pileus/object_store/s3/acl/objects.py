"""Lists of single objects: they let in to one object whom its bucket does not let in, and take nothing away.

An object belongs to the owner of its bucket, whoever wrote it, unless objects belong to users (`s3_acl`). Its list goes with the
metadata that can be changed without the body; copies do not have it.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pileus.object_store.s3 import metadata, shared
from pileus.object_store.s3.acl import grants, owners
from pileus.object_store.s3.acl.grants import READ, SINGLE, WRITE, Grant, Grants
from pileus.object_store.s3.call import Call
from pileus.object_store.s3.errors import S3Error

#: Canned lists that are about the bucket's owner: what they let him do where the object is not his anyway.
OF_BUCKET_OWNERS = {"bucket-owner-read": (READ,), "bucket-owner-full-control": SINGLE}
#: Characters; a header has to take it.
LONGEST = 4096


async def of_new(call: Call) -> dict[str, str]:
    """Metadata of an object that is being made: whose it is, and the list that the request's headers ask for. Raises S3Error."""
    text = await written(call, grants.of_headers(call) or Grants())
    return owners.of_new_object(call) | ({metadata.ACL: text} if text else {})


async def written(call: Call, wanted: Grants) -> str:
    """A list as it is kept; from now on others find the bucket. Raises S3Error for what it cannot say."""
    within = await _of_bucket_owner(call)
    if not wanted.grants:
        return msgspec.json.encode(within).decode() if within.grants else ""
    if any(grant.permission == WRITE and grant.group for grant in wanted.grants):
        raise S3Error("InvalidArgument", "Who may write an object is for its bucket to say.")
    text = msgspec.json.encode(wanted).decode()
    if len(text) > LONGEST or not text.isascii():
        raise S3Error("InvalidRequest", "The access list is too long, or has grantees that no project is named like.")
    await shared.publish(call)
    return text


async def _of_bucket_owner(call: Call) -> Grants:
    """What a canned list lets the bucket's owner do, to whom the object does not belong."""
    allowed = OF_BUCKET_OWNERS.get(call.header(grants.HEADER), ()) if call.s3.s3_acl else ()
    owner = owners.of_bucket(await call.bucket_info()) if allowed else None
    if owner is None or owner == owners.of_caller(call):
        return Grants()
    granted = tuple(Grant(permission=permission, who=owner.id) for permission in allowed)
    return Grants(grants=granted, domain=call.who.project_domain_id or "")


def of_object(headers: Mapping[str, str]) -> Grants:
    text = headers.get(metadata.ACL)
    return msgspec.json.decode(text, type=Grants) if text else Grants()
