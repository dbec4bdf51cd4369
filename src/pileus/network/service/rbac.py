"""RBAC policies: with whom networks are shared."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

from msgspec import UNSET

from pileus.core.context import Context
from pileus.core.db import Duplicate
from pileus.network import errors
from pileus.network.model import NetworkUpdate, RbacCreate, RbacPolicy, Wanted
from pileus.network.model.rbac import EXTERNAL, SHARED
from pileus.network.service.part import Part

#: The attribute of the network that a grant to everybody is.
ATTRIBUTE = {SHARED: "shared", EXTERNAL: "external"}


class RbacPolicies(Part):
    async def list(self, who: Context, wanted: Wanted = Wanted()) -> builtins.list[RbacPolicy]:
        return await self.stores.rbac.page(who.scope, wanted)

    async def get(self, who: Context, policy_id: str) -> RbacPolicy:
        return await self.stores.rbac.get(policy_id, who.scope)

    async def create_all(self, who: Context, orders: Sequence[RbacCreate]) -> builtins.list[RbacPolicy]:
        async with self.db.transaction():
            made = [await self._create(who, order) for order in orders]
        return made

    async def update(self, who: Context, policy_id: str, target: str) -> RbacPolicy:
        """Share with another project instead; to and from everybody is another policy."""
        async with self.db.transaction():
            policy = await self.stores.rbac.get(policy_id, who.scope)
            if target != policy.target_tenant:
                if "*" in (target, policy.target_tenant):
                    raise errors.InvalidInput(why="a policy for everybody cannot be changed, or become one: make another one")
                await self.net.networks.check_unshare(await self.stores.networks.bare(policy.object_id), policy.target_tenant)
                try:
                    await self.stores.rbac.retarget(policy_id, target)
                except Duplicate as taken:
                    raise errors.DuplicateRbacPolicy() from taken
        return await self.get(who, policy_id)

    async def delete(self, who: Context, policy_id: str) -> None:
        async with self.db.transaction():
            policy = await self.stores.rbac.get(policy_id, who.scope)
            try:
                if policy.target_tenant == "*":
                    private: dict[str, Any] = {ATTRIBUTE[policy.action]: False}
                    await self.net.networks.update(who, policy.object_id, NetworkUpdate(**private))
                else:
                    await self.net.networks.check_unshare(await self.stores.networks.bare(policy.object_id), policy.target_tenant)
            except errors.InvalidSharedSetting as used:
                raise errors.RbacPolicyInUse(object_id=policy.object_id) from used
            await self.stores.rbac.delete(policy_id)

    async def _create(self, who: Context, order: RbacCreate) -> RbacPolicy:
        project = self.owner(who, order)
        await self.net.groups.ensure_default(project)
        await self.net.quotas.take(project, "rbac_policy")
        network = await self.stores.networks.bare(order.object_id, who.scope, lock=True)
        if network.project_id != who.project_id and not self.kit.policy.check("context_is_admin", who):
            raise errors.NetworkNotFound(network_id=order.object_id)
        target = order.target_tenant if order.target_tenant is not UNSET else order.target_project
        if target is UNSET or not target:
            raise errors.InvalidInput(why="target_tenant is required")
        if order.action == EXTERNAL and target != "*":
            raise errors.InvalidInput(why="a network can be external for everybody only")
        policy = RbacPolicy(
            id=self.ids.uuid(),
            project_id=project,
            object_type="network",
            object_id=network.id,
            action=order.action,
            target_tenant=target,
        )
        try:
            await self.stores.rbac.insert(policy)
        except Duplicate as taken:
            raise errors.DuplicateRbacPolicy() from taken
        if target == "*":
            await self.stores.networks.update(network.id, self.now(), **{ATTRIBUTE[order.action]: True})
        return policy
