"""`GET /endpoints/v1/ACCOUNT[/CONTAINER[/OBJECT]]`: on which storage servers something is, for programs that go to the data."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from urllib.parse import quote

import msgspec

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.proxy.ask import backend_path
from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain

JSON = {"content-type": "application/json"}


class ListEndpoints(Feature):
    def wanted(self) -> bool:
        return bool(self.store.config.list_endpoints_path)

    async def __call__(self, req: Request) -> Response:
        root = self.store.config.list_endpoints_path
        if not req.path.startswith(root):
            return await self.app(req)
        if req.method != "GET":
            return plain(405, headers={"allow": "GET"})
        version, _, rest = req.path[len(root):].partition("/")
        names = rest.split("/", 2)
        if version not in ("v1", "v1.0", "v2") or not all(names):
            return plain(400, f"Invalid path: {quote(req.path)}")
        kind = ("account", "container", "object")[len(names) - 1]
        headers = {}
        if kind == "object":
            info = await self.store.container_info(names[0], names[1])
            headers = {"x-backend-storage-policy-index": str(info.policy)}
            policy = self.store.proxy.policies.get(info.policy)
            ring = self.store.proxy.rings[policy.ring if policy is not None else kind]
        else:
            ring = self.store.proxy.rings[kind]
        part = ring.partition(*names)
        urls = [f"http://{node.device.ip}:{node.device.port}{quote(backend_path(kind, node, part, '/' + rest))}" for node in
                ring.primaries(part)]
        return Response(200, JSON, msgspec.json.encode({"endpoints": urls, "headers": headers} if version == "v2" else urls))
