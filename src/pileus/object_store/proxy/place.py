"""Where an object is: its container's policy says on which ring."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pileus.object_store.model.policy import StoragePolicy
from pileus.object_store.proxy import constraints
from pileus.object_store.proxy.shards import shard_of
from pileus.object_store.ring.device import Node
from pileus.object_store.ring.ring import Ring
from pileus.object_store.storage.object.updates import CONTAINER_PATH
from pileus.object_store.wire.message import Request, Stop
from pileus.object_store.wire.status import plain

if TYPE_CHECKING:
    from pileus.object_store.proxy.proxy import Proxy

#: What an object server is told of a request, besides metadata.
PASSED = frozenset({"content-type", "content-length", "content-encoding", "content-disposition", "content-language", "cache-control",
                    "expires", "etag", "if-none-match", "x-delete-at", "x-object-manifest", "x-robots-tag", "x-static-large-object",
                    "x-if-delete-at"})
PREFIXES = ("x-object-meta-", "x-object-sysmeta-", "x-object-transient-sysmeta-", "x-backend-")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    path: str                               # /ACCOUNT/CONTAINER/OBJECT
    policy: StoragePolicy
    ring: Ring
    part: int
    #: Who lists it, for requests that change it.
    containers: list[Node] = []
    container_part: int = 0
    shard: str = ""                         # ACCOUNT/CONTAINER that lists it instead of its container

    @property
    def policy_header(self) -> dict[str, str]:
        return {"x-backend-storage-policy-index": str(self.policy.index)}

    def own(self, req: Request) -> dict[str, str]:
        """The headers of a client that its object servers get."""
        return {n: v for n, v in req.headers.items() if n in PASSED or n.startswith(PREFIXES)} | self.policy_header

    def told_containers(self, replicas: int) -> list[dict[str, str]]:
        """For each replica, the container servers it is to tell: each of those is told by one of the object servers."""
        each: list[dict[str, str]] = [{} for _ in range(replicas)]
        for number, node in enumerate(self.containers):
            own = each[number % replicas]
            own["x-container-partition"] = str(self.container_part)
            if self.shard:
                own[CONTAINER_PATH] = self.shard
            for name, value in (("x-container-host", f"{node.device.ip}:{node.device.port}"), ("x-container-device", node.device.device)):
                own[name] = f"{own[name]},{value}" if name in own else value
        return each


async def locate(proxy: Proxy, req: Request, account: str, container: str, obj: str, acl: str) -> Place:
    """Where it is, once the caller is known to be allowed. Raises Stop for a container that is not there."""
    info = await proxy.container_info(account, container)
    req.facts["acl.domain"] = info.sysmeta("container", "acl-domain")
    await proxy.authorized(req, info.headers.get(acl))
    if not info.exists:
        raise Stop(plain(404 if info.status < 500 else 503))
    constraints.check_name("Object", obj, proxy.limits.max_object_name_length)
    index = int(req.header("x-backend-storage-policy-index") or info.policy)
    policy = proxy.policies.get(index)
    if policy is None:
        raise Stop(plain(503))
    ring, path = proxy.rings[policy.ring], f"/{account}/{container}/{obj}"
    part = ring.partition(account, container, obj)
    if req.method in ("GET", "HEAD"):
        return Place(path=path, policy=policy, ring=ring, part=part)
    sharded = info.headers.get("x-backend-sharding-state") == "sharded"
    shard = await shard_of(proxy, account, container, obj) if sharded else None
    containers = proxy.rings["container"]
    container_part = containers.partition(*shard.path) if shard else containers.partition(account, container)
    return Place(path=path, policy=policy, ring=ring, part=part, containers=containers.primaries(container_part),
                 container_part=container_part, shard=shard.name if shard else "")
