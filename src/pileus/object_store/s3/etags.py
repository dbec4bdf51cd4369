"""In listings the ETag that S3 shows of an object is told apart from its hash, for whoever lists."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.pipeline.listing_formats import listed
from pileus.object_store.wire.message import Request, Response


class ListedEtags(Feature):
    def concerns(self, req: Request) -> bool:
        return req.method == "GET" and not req.names_object

    async def __call__(self, req: Request) -> Response:
        return await listed(self.app, req, b"s3_etag=", _row)


def _row(row: dict[str, Any]) -> dict[str, Any]:
    hash_, _, etag = row.get("hash", "").partition("; s3_etag=")
    return row | {"hash": hash_, "s3_etag": f'"{etag}"'} if etag else row
