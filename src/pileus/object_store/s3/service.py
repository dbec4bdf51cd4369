"""The buckets of an account."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlencode

import msgspec

from pileus.object_store.s3 import names, xml
from pileus.object_store.s3.acl import owners
from pileus.object_store.s3.call import Call, answer
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.s3.listing import named_by, token_of, whole_number
from pileus.object_store.s3.views import owner, shown_time
from pileus.object_store.wire.message import Response

MOST = 10_000


async def list_buckets(call: Call) -> Response:
    """All of them, or, for who asks for pages, a page."""
    params, most = call.params, whole_number(call, "max-buckets", MOST)
    if "max-buckets" in params and not most:
        raise S3Error("InvalidArgument", ArgumentName="max-buckets", ArgumentValue=params["max-buckets"])
    found: list[str] = []
    last, more = "", []
    if params.get("bucket-region") in (None, call.s3.regions[0]):
        async for row in _rows(call, named_by(params.get("continuation-token") or ""), params.get("prefix", "")):
            if "max-buckets" in params and len(found) == most:
                more = [xml.tag("ContinuationToken", token_of(last))]
                break
            last = row["name"]
            found.append(xml.node("Bucket", xml.tag("Name", last), xml.tag("CreationDate", shown_time(row["last_modified"]))))
    asked = [xml.tag("Prefix", params["prefix"])] if "prefix" in params else []
    return answer("ListAllMyBucketsResult", owner(call), xml.node("Buckets", *found), *more, *asked)


async def _rows(call: Call, marker: str, prefix: str) -> AsyncIterator[dict]:
    """Containers that are buckets; where they belong to users, only the caller's, whatever his rights to the account."""
    asker = call.as_owner() if call.s3.s3_acl and call.home else call
    while rows := await _page(asker, {"format": "json", "marker": marker, "prefix": prefix}):
        for row in rows:
            if "name" not in row or not names.is_bucket(row["name"]):
                continue
            if not call.s3.s3_acl or owners.owns_bucket(call, await call.info(row["name"])):
                yield row
        marker = rows[-1].get("name") or rows[-1]["subdir"]


async def _page(call: Call, asked: dict[str, str]) -> list[dict]:
    got = await call.ask("GET", headers={"accept": "application/json"}, query=urlencode(asked, errors="surrogateescape"))
    if got.status == 404:
        await got.close()
        return []
    if not got.ok:
        raise await call.error(got)
    return msgspec.json.decode(await got.read())
