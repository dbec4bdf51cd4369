"""Deletes objects whose time has come.

Every expirer looks at the whole queue; each of its containers is worked through by the node that holds its first replica. An
object is deleted as of the moment at which it expired, and only if that is still its time: what was put later stays.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.object_store.daemons.daemon import Daemon
from pileus.object_store.daemons.walk import rows
from pileus.object_store.model import expiry
from pileus.object_store.model.timestamp import moment_of, stamp
from pileus.object_store.proxy.ask import everyone
from pileus.object_store.wire.message import ALLOWS_RESERVED, Request


class ObjectExpirer(Daemon):
    name = "object-expirer"

    async def work(self) -> None:
        now = self.store.clock.now().timestamp()
        async for row in rows(self.store.proxy, expiry.ACCOUNT):
            if row["name"].isdigit() and int(row["name"]) <= now and self.is_mine(row["name"]):
                async for entry in rows(self.store.proxy, expiry.ACCOUNT, row["name"]):
                    at, path = expiry.parse(entry["name"])
                    if at > now:
                        break
                    async with self.piece():
                        if entry["content_type"] == expiry.DELETED_LATER:
                            await self.delete(row["name"], entry["name"], path, {}, stamp(moment_of(entry["last_modified"])))
                        else:
                            await self.expire(row["name"], entry["name"], at, path)

    def is_mine(self, container: str) -> bool:
        ring = self.store.rings["container"]
        first = ring.primaries(ring.partition(expiry.ACCOUNT, container))[0].device
        return (first.ip, first.port) in self.store.addresses

    async def expire(self, container: str, entry: str, at: int, path: str) -> None:
        """Delete one object; its entry goes when it is gone, or has another time now."""
        # A replica that has not heard of a new time would delete it, and its word would count for all.
        asking = {"x-newest": "true", "x-backend-open-expired": "true", ALLOWS_RESERVED: "true"}
        known = await self.store.proxy(Request("HEAD", "/v1" + path, asking))
        await known.close()
        if known.ok and known.header("x-delete-at") != str(at):
            await self.forget(container, entry)
            return
        await self.delete(container, entry, path, {"x-if-delete-at": str(at)}, stamp(at))

    async def delete(self, container: str, entry: str, path: str, only: dict[str, str], at: str) -> None:
        """Delete an object as of a moment, and take its entry from the queue."""
        req = Request("DELETE", "/v1" + path, {**only, ALLOWS_RESERVED: "true"})
        req.facts["timestamp"] = at
        answer = await self.store.proxy(req)
        await answer.close()
        if answer.status >= 500:
            self.did["later"] += 1
            return
        self.did["expired"] += answer.ok
        await self.forget(container, entry)

    async def forget(self, container: str, entry: str) -> None:
        """Take an entry from the queue."""
        proxy, ring = self.store.proxy, self.store.rings["container"]
        nodes = proxy.nodes(ring, ring.partition(expiry.ACCOUNT, container))
        name = f"/{expiry.ACCOUNT}/{container}/{entry}"
        headers = [{"x-timestamp": proxy.stamp()}] * len(nodes.primaries)
        await everyone(proxy, "container", nodes, Request("DELETE", name), name, headers)
