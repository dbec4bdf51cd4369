"""What the parts of the service share."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from pileus.core.context import Context
from pileus.core.errors import Invalid
from pileus.network import errors

if TYPE_CHECKING:
    from pileus.network.service import Network


class Part:
    """One resource of the service. Parts reach each other through `net`, and the database through `stores`."""

    def __init__(self, net: Network):
        self.net, self.kit, self.config, self.stores = net, net.kit, net.config, net.stores
        self.db, self.ids = net.kit.db, net.kit.ids

    def now(self) -> datetime:
        return self.kit.clock.now()

    def owner(self, who: Context, order: Any) -> str:
        """The project of what is being made: the caller's own, or the one that an administrator names."""
        wanted = order.owner
        if wanted is UNSET or wanted == who.project_id:
            if not who.project_id and wanted is UNSET:
                raise Invalid("project_id is required: the token is not scoped to a project.")
            return who.project_id or ""
        if not self.kit.policy.check("context_is_admin", who):
            raise Invalid(
                "Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires admin privileges"
            )
        return wanted

    async def add_tags(self, resource_id: str, names: Iterable[str]) -> None:
        names = list(dict.fromkeys(names))
        if len(names) > self.config.max_tags:
            raise errors.InvalidInput(why=f"The number of tags exceed the per-resource limit of {self.config.max_tags}")
        await self.stores.tags.add(resource_id, names)


def expect_revision(record: Any, expected: int | None) -> None:
    """The condition of an If-Match header. Raises RevisionNumberConstraintFailed."""
    if expected is not None and record.revision_number != expected:
        raise errors.RevisionNumberConstraintFailed(expected=expected, current=record.revision_number)
