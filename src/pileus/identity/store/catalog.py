"""Services, endpoints, regions, and the policy files kept for them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlalchemy as sa

from pileus.identity.errors import EndpointNotFound, PolicyNotFound, RegionNotFound, ServiceNotFound
from pileus.identity.model import Endpoint, PolicyBlob, Region, Service
from pileus.identity.store.base import Table
from pileus.identity.store.tables import endpoints, policies, regions, services


class Services(Table[Service]):
    table, kind, noun, not_found = services, Service, "service", ServiceNotFound


class Endpoints(Table[Endpoint]):
    table, kind, noun, not_found = endpoints, Endpoint, "endpoint", EndpointNotFound


class Regions(Table[Region]):
    table, kind, noun, not_found = regions, Region, "region", RegionNotFound

    def taken(self, record: Region) -> str:
        return f"Duplicate ID, {record.id}"

    async def in_use(self, ids: list[str]) -> bool:
        """Whether an endpoint is in one of these regions."""
        return bool(await self.db.rows(sa.select(endpoints.c.id).where(endpoints.c.region_id.in_(ids)).limit(1)))

    async def children(self, ids: list[str]) -> list[Region]:
        return await self.db.all(Region, sa.select(regions).where(regions.c.parent_region_id.in_(ids)))


class Policies(Table[PolicyBlob]):
    table, kind, noun, not_found = policies, PolicyBlob, "policy", PolicyNotFound
