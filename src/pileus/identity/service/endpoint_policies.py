"""Policy files for endpoints: the one of the endpoint, else of its service in its region or one above, else of its service."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.identity.errors import PolicyAssociationNotFound
from pileus.identity.model import Endpoint, PolicyAssociation, PolicyBlob
from pileus.identity.service.core import Core


class EndpointPolicies:
    def __init__(self, core: Core):
        self.core, self.db, self.store = core, core.db, core.store.policy_associations

    async def put(self, a: PolicyAssociation) -> None:
        """Repeatable; takes the place of another policy for the same."""
        async with self.db.transaction():
            await self._check(a)
            await self.store.put(a)

    async def check(self, a: PolicyAssociation) -> None:
        await self._check(a)
        if not await self.store.has(a):
            raise PolicyAssociationNotFound()

    async def delete(self, a: PolicyAssociation) -> None:
        async with self.db.transaction():
            await self._check(a)
            if not await self.store.remove(a):
                raise PolicyAssociationNotFound()

    async def of_endpoint(self, endpoint_id: str) -> PolicyBlob:
        endpoint = await self.core.store.endpoints.get(endpoint_id)
        found = _of(endpoint, await self._by_place(), await self._regions())
        if found is None:
            raise PolicyAssociationNotFound()
        return await self.core.store.policies.get(found)

    async def endpoints_of(self, policy_id: str) -> list[Endpoint]:
        """The endpoints this policy is in force at."""
        await self.core.store.policies.get(policy_id)
        places, regions = await self._by_place(), await self._regions()
        return [e for e in await self.core.store.endpoints.matching() if _of(e, places, regions) == policy_id]

    async def _by_place(self) -> dict[tuple[str, str, str], str]:
        return {(a.endpoint_id, a.service_id, a.region_id): a.policy_id for a in await self.store.all()}

    async def _regions(self) -> dict[str, str | None]:
        return {r.id: r.parent_region_id for r in await self.core.store.regions.matching()}

    async def _check(self, a: PolicyAssociation) -> None:
        """Raises what is not found."""
        store = self.core.store
        await store.policies.get(a.policy_id)
        for table, id in ((store.endpoints, a.endpoint_id), (store.services, a.service_id), (store.regions, a.region_id)):
            if id:
                await table.get(id)


def _of(endpoint: Endpoint, places: dict[tuple[str, str, str], str], above: dict[str, str | None]) -> str | None:
    if found := places.get((endpoint.id, "", "")):
        return found
    region = endpoint.region_id
    while region is not None:
        if found := places.get(("", endpoint.service_id, region)):
            return found
        region = above.get(region)
    return places.get(("", endpoint.service_id, ""))
