"""What is between the store's own parts never comes from, or goes to, a client: headers that only features may set.

Whoever could send them could say which server is told about an object (CVE-2026-50221), or pass for a feature.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain

KINDS = "account|container|object"
INBOUND = re.compile(rf"x-(?:{KINDS})-(?:sysmeta|transient-sysmeta)-|x-backend-|x-(?:account|container|delete-at)-"
                     r"(?:host|partition|device|root-db-state|path)$|x-(?:put|delete)-timestamp$|x-(?:size|etag|content-type-timestamp|meta-timestamp)$"
                     r"|x-account-override-deleted$|x-object-count$|x-bytes-used$|x-(?:account|container)-(?:object-count|bytes-used)$")
OUTBOUND = re.compile(rf"x-(?:{KINDS})-(?:sysmeta|transient-sysmeta)-|x-backend-|x-put-timestamp$")


class Gatekeeper(Feature):
    async def __call__(self, req: Request) -> Response:
        req.headers = {n: v for n, v in req.headers.items() if not INBOUND.match(n)}
        if any(part.strip().startswith("swift_") for part in req.header("content-type").split(";")[1:]):
            return plain(400, "Invalid Content-Type, swift_* is not a valid parameter name.")
        stamp = req.headers.pop("x-timestamp", None)
        if stamp is not None:
            req.facts["gatekeeper.timestamp"] = stamp       # a time shift of clients is only for features that ask for it
        response = await self.app(req)
        response.headers = {n: v for n, v in response.headers.items() if not OUTBOUND.match(n)}
        return response
