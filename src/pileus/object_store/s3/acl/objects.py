"""Lists of single objects: they let in to one object whom its bucket does not let in, and take nothing away.

An object belongs to the owner of its bucket, whoever wrote it. Its list goes with the metadata that can be changed without the
body; copies do not have it.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pileus.object_store.s3 import metadata, shared
from pileus.object_store.s3.acl import grants
from pileus.object_store.s3.acl.grants import WRITE, Grants
from pileus.object_store.s3.call import Call
from pileus.object_store.s3.errors import S3Error

#: Characters; a header has to take it.
LONGEST = 4096


async def of_new(call: Call) -> dict[str, str]:
    """Metadata of an object that is being made: the list that the request's headers ask for. Raises S3Error."""
    wanted = grants.of_headers(call)
    return {metadata.ACL: await written(call, wanted)} if wanted is not None and wanted.grants else {}


async def written(call: Call, wanted: Grants) -> str:
    """A list as it is kept; from now on others find the bucket. Raises S3Error for what it cannot say."""
    if not wanted.grants:
        return ""
    if any(grant.permission == WRITE and grant.group for grant in wanted.grants):
        raise S3Error("InvalidArgument", "Who may write an object is for its bucket to say.")
    text = msgspec.json.encode(wanted).decode()
    if len(text) > LONGEST or not text.isascii():
        raise S3Error("InvalidRequest", "The access list is too long, or has grantees that no project is named like.")
    await shared.publish(call)
    return text


def of_object(headers: Mapping[str, str]) -> Grants:
    text = headers.get(metadata.ACL)
    return msgspec.json.decode(text, type=Grants) if text else Grants()
