"""GET /crossdomain.xml: the policy file of old browsers' plug-ins, where an operator wants to serve one."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.wire.message import Request, Response

PAGE = """<?xml version="1.0"?>
<!DOCTYPE cross-domain-policy SYSTEM "http://www.adobe.com/xml/dtds/cross-domain-policy.dtd" >
<cross-domain-policy>
{policy}
</cross-domain-policy>"""


class CrossDomain(Feature):
    def info(self) -> dict[str, Any]:
        return {"crossdomain": {}} if self.store.config.cross_domain_policy else {}

    def wanted(self) -> bool:
        return bool(self.store.config.cross_domain_policy)

    async def __call__(self, req: Request) -> Response:
        policy = self.store.config.cross_domain_policy
        if req.path == "/crossdomain.xml" and req.method == "GET":
            return Response(200, {"content-type": "application/xml"}, PAGE.format(policy=policy).encode())
        return await self.app(req)
