"""Moves objects that were stored under another policy than their container's.

That happens when a container was made twice while its servers could not hear each other: when they can, one policy wins. An object is
put under the right policy a little later than it was put under the wrong one, so that nothing that a client said since is
overwritten, and is deleted there a little earlier than that.

Rows that shards have are of their container's objects, and of its policy.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.object_store.daemons.held import DatabaseDaemon, Held
from pileus.object_store.model.timestamp import after
from pileus.object_store.proxy.place import PASSED, PREFIXES
from pileus.object_store.storage.container.shards import ROOT
from pileus.object_store.storage.database.container import ContainerBroker
from pileus.object_store.wire.body import stream
from pileus.object_store.wire.message import Request

AT_A_TIME = 1000


class ContainerReconciler(DatabaseDaemon[ContainerBroker]):
    name = "container-reconciler"
    kind = "container"

    async def database(self, held: Held[ContainerBroker]) -> None:
        container, own = (held.info["account"], held.info["container"]), held.info["storage_policy_index"]
        if root := (await held.run(held.broker.metadata)).get(ROOT, ("", ""))[0]:
            account, _, name = root.partition("/")
            container = account, name
            known = await self.store.proxy.container_info(*container)
            if not known.exists:
                return
            own = known.policy
        path = "/v1/" + "/".join(container)
        for name, at, gone, policy in await held.run(held.broker.misplaced_rows, own, AT_A_TIME):
            async with self.piece():
                if gone:
                    await self.delete(f"{path}/{name}", own, at)
                else:
                    await self.move(f"{path}/{name}", policy, own)

    async def move(self, path: str, policy: int, right: int) -> None:
        found = await self.store.proxy(Request("GET", path, {"x-backend-storage-policy-index": str(policy), "x-newest": "true"}))
        if not found.ok:
            await found.close()
            self.did["not found"] += 1
            return
        at = found.header("x-backend-data-timestamp")
        headers = {n: v for n, v in found.headers.items() if (n in PASSED or n.startswith(PREFIXES)) and not n.startswith("x-backend-")}
        put = self.request("PUT", path, right, after(at, 2), headers)
        put.body = stream(found.body) if isinstance(found.body, bytes) else found.body
        try:
            answer = await self.store.proxy(put)
            await answer.close()
        finally:
            await found.close()
        if answer.ok:
            await self.delete(path, policy, after(at, 1))
        self.did["moved"] += answer.ok

    async def delete(self, path: str, policy: int, at: str) -> None:
        answer = await self.store.proxy(self.request("DELETE", path, policy, at, {}))
        await answer.close()
        self.did["deleted"] += answer.ok

    def request(self, method: str, path: str, policy: int, at: str, headers: dict[str, str]) -> Request:
        req = Request(method, path, headers | {"x-backend-storage-policy-index": str(policy)})
        req.facts |= {"timestamp": at, "auth.trusted": True}
        return req
