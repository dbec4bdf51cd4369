"""The buckets of an account."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from urllib.parse import urlencode

import msgspec

from pileus.object_store.s3 import names, xml
from pileus.object_store.s3.call import Call, answer
from pileus.object_store.s3.views import owner, shown_time
from pileus.object_store.wire.message import Response


async def list_buckets(call: Call) -> Response:
    buckets: list[str] = []
    marker = ""
    while rows := await _page(call, marker):
        buckets += [xml.node("Bucket", xml.tag("Name", row["name"]), xml.tag("CreationDate", shown_time(row["last_modified"])))
                    for row in rows if "name" in row and names.is_bucket(row["name"])]
        marker = rows[-1].get("name") or rows[-1]["subdir"]
    return answer("ListAllMyBucketsResult", owner(call), xml.node("Buckets", *buckets))


async def _page(call: Call, marker: str) -> list[dict]:
    got = await call.ask("GET", headers={"accept": "application/json"}, query=urlencode({"format": "json", "marker": marker}))
    if got.status == 404:
        await got.close()
        return []
    if not got.ok:
        raise await call.error(got)
    return msgspec.json.decode(await got.read())
