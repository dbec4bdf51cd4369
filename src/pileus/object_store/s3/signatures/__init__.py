"""Who signed a request, in either version of Amazon's signatures, in headers or in the query (a presigned URL)."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime

from pileus.object_store.s3.signatures import v2, v4
from pileus.object_store.s3.signatures.claim import Claim
from pileus.object_store.wire.message import Request


def is_signed(authorization: str, query: str) -> bool:
    """Whether a request is signed in a way of S3's: by its header, or by parameters of its query."""
    if authorization:
        return authorization.startswith(("AWS ", v4.NAME))
    return "X-Amz-Algorithm=" in query or "X-Amz-Credential=" in query or "AWSAccessKeyId=" in query


def read(req: Request, now: datetime, regions: list[str]) -> Claim | None:
    """What a request claims; None for one that is not signed. Raises S3Error for what cannot be right, whoever signed it."""
    authorization, params = req.header("authorization"), req.params
    if authorization.startswith(v4.NAME):
        return v4.by_header(req, now, regions)
    if authorization.startswith("AWS "):
        return v2.by_header(req, now)
    if "X-Amz-Algorithm" in params or "X-Amz-Credential" in params:
        return v4.by_query(req, now, regions)
    if "AWSAccessKeyId" in params:
        return v2.by_query(req, now)
    return None
