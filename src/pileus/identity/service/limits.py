"""Unified limits: defaults for everybody (registered limits), and what single projects and domains have instead.

Identity keeps them; other services ask for them and enforce them. What is enforced here is that they fit together.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus.core.errors import Invalid
from pileus.identity.errors import LimitInvalid, LimitWithoutRegistered, RegisteredLimitInUse, TreeTooDeep
from pileus.identity.model import Limit, RegisteredLimit
from pileus.identity.service.core import Core
from pileus.identity.store.base import Filter

MODELS = {
    "flat": "Limit enforcement and validation does not take project hierarchy into consideration.",
    "strict_two_level": "This model requires project hierarchy never exceeds a depth of two",
}


class LimitOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A limit to be: of this resource, for this project or domain (`target_id`)."""

    service_id: str
    region_id: str | None = None
    resource_name: str
    resource_limit: int
    target_id: str
    of_domain: bool = False
    description: str | None = None


class Limits:
    def __init__(self, core: Core):
        self.core, self.db = core, core.db
        self.registered, self.store = core.store.registered_limits, core.store.limits

    @property
    def model(self) -> tuple[str, str]:
        name = self.core.config.limit_enforcement_model
        return name, MODELS[name]

    async def check_model(self) -> None:
        """Raise TreeTooDeep when projects are nested deeper than the model in force can count."""
        nested = await self.core.store.projects.below_projects(10) if self.model[0] != "flat" else []
        if nested:
            raise TreeTooDeep(model=self.model[0], projects=", ".join(nested))

    # ---- registered --------------------------------------------------------------------------------------------------
    async def list_registered(self, filters: list[Filter]) -> list[RegisteredLimit]:
        return await self.registered.matching(filters)

    async def get_registered(self, id: str) -> RegisteredLimit:
        return await self.registered.get(id)

    async def create_registered(self, orders: list[dict[str, Any]]) -> list[RegisteredLimit]:
        """All or none."""
        made = [
            RegisteredLimit(id=self.core.ids.hex(), region_key=order.get("region_id") or "", **order) for order in orders
        ]
        async with self.db.transaction():
            for limit in made:
                await self._check_places(limit)
                await self.registered.add(limit)
        return made

    async def update_registered(self, id: str, values: dict[str, Any]) -> RegisteredLimit:
        """What it is a limit of cannot change while projects or domains have their own."""
        async with self.db.transaction():
            limit = await self.registered.get(id, lock=True)
            if "region_id" in values:
                values["region_key"] = values["region_id"] or ""
            wanted = msgspec.structs.replace(limit, **values)
            await self._check_places(wanted)
            moved = _resource(wanted) != _resource(limit)
            if moved and await self.store.of_registered(id):
                raise RegisteredLimitInUse(id=id)
            changed = await self.registered.change(limit, values)
            await self._check_default(changed)
            return changed

    async def delete_registered(self, id: str) -> None:
        async with self.db.transaction():
            await self.registered.get(id, lock=True)
            if await self.store.of_registered(id):
                raise RegisteredLimitInUse(id=id)
            await self.registered.remove(id)

    async def _check_places(self, limit: RegisteredLimit) -> None:
        if await self.core.store.services.find(limit.service_id) is None:
            raise Invalid(f"Could not find service: {limit.service_id}.")
        if limit.region_id is not None and await self.core.store.regions.find(limit.region_id) is None:
            raise Invalid(f"Could not find region: {limit.region_id}.")

    # ---- of projects and domains -------------------------------------------------------------------------------------
    async def get(self, id: str) -> tuple[Limit, RegisteredLimit]:
        limit = await self.store.get(id)
        return limit, await self.registered.get(limit.registered_limit_id)

    async def find(self, id: str) -> Limit | None:
        return await self.store.find(id)

    async def matching(self, targets: set[str] | None, filters: list[Filter]) -> list[tuple[Limit, RegisteredLimit]]:
        """Those of these targets (None: of all) whose resource passes the filters."""
        registered = {r.id: r for r in await self.registered.matching(filters)}
        return [
            (limit, registered[limit.registered_limit_id])
            for limit in await self.store.matching()
            if limit.registered_limit_id in registered and (targets is None or limit.target_id in targets)
        ]

    async def create(self, orders: list[LimitOrder]) -> list[tuple[Limit, RegisteredLimit]]:
        """All or none."""
        made = []
        async with self.db.transaction():
            for order in orders:
                made.append(await self._add(order))
            for limit, registered in made:
                await self._check_hierarchy(limit, registered)
        return made

    async def _add(self, order: LimitOrder) -> tuple[Limit, RegisteredLimit]:
        registered = await self.registered.of(order.service_id, order.region_id, order.resource_name)
        if registered is None:
            raise LimitWithoutRegistered(resource=order.resource_name)
        target = await self.core.store.projects.find(order.target_id, lock=True)
        if target is None or (order.of_domain and not target.is_domain):
            raise Invalid(f"Could not find {'domain' if order.of_domain else 'project'}: {order.target_id}.")
        limit = Limit(
            id=self.core.ids.hex(),
            registered_limit_id=registered.id,
            target_id=target.id,
            of_domain=target.is_domain,
            resource_limit=order.resource_limit,
            description=order.description,
        )
        await self.store.add(limit)
        return limit, registered

    async def update(self, id: str, values: dict[str, Any]) -> tuple[Limit, RegisteredLimit]:
        async with self.db.transaction():
            limit, registered = await self.get(id)
            changed = await self.store.change(limit, values)
            await self._check_hierarchy(changed, registered)
        return changed, registered

    async def delete(self, id: str) -> None:
        """The default is in force instead. Raises LimitInvalid when a project of the domain has more than that."""
        async with self.db.transaction():
            _, registered = await self.get(id)
            await self.store.remove(id)
            await self._check_default(registered)

    async def _check_hierarchy(self, limit: Limit, registered: RegisteredLimit) -> None:
        """Raise LimitInvalid when a project would have more than its domain. -1 is more than any number."""
        if self.core.config.limit_enforcement_model == "flat":
            return
        others = {x.target_id: x.resource_limit for x in await self.store.of_registered(registered.id)}
        target = await self.core.store.projects.get(limit.target_id)
        if not limit.of_domain:
            above = others.get(target.domain_id, registered.default_limit)
            if _more(limit.resource_limit, above):
                raise LimitInvalid(why=f"the limit of project {target.id} is bigger than that of its domain ({above})")
            return
        for below in await self.core.store.projects.ids_in_domain(target.id):
            if below in others and _more(others[below], limit.resource_limit):
                raise LimitInvalid(why=f"the limit of domain {target.id} is smaller than that of project {below}")

    async def _check_default(self, registered: RegisteredLimit) -> None:
        """Raise LimitInvalid when a project has more than the default, in a domain that has no limit of its own."""
        if self.core.config.limit_enforcement_model == "flat":
            return
        limits = await self.store.of_registered(registered.id)
        own = {x.target_id for x in limits if x.of_domain}
        for x in limits:
            if x.of_domain or not _more(x.resource_limit, registered.default_limit):
                continue
            if (await self.core.store.projects.get(x.target_id)).domain_id not in own:
                raise LimitInvalid(why=f"the default ({registered.default_limit}) is smaller than the limit of project {x.target_id}")


def _more(one: int, other: int) -> bool:
    return other != -1 and (one == -1 or one > other)


def _resource(limit: RegisteredLimit) -> tuple[str, str, str]:
    return limit.service_id, limit.region_key, limit.resource_name


