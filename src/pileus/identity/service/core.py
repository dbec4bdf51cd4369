"""What all parts of identity's service share."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.errors import Invalid
from pileus.core.kit import Kit
from pileus.identity.config import IdentityConfig
from pileus.identity.errors import LastAdmin, Refused
from pileus.identity.service.generations import Generations
from pileus.identity.store import Store


class Core:
    def __init__(self, kit: Kit, config: IdentityConfig):
        self.kit, self.config = kit, config
        self.db, self.clock, self.ids = kit.db, kit.clock, kit.ids
        self.store = Store(kit.db)
        self.generations = Generations(
            kit.db, self.store.revocations, kit.clock, config.staleness_s, config.token_expiration_s + config.allow_expired_window_s
        )

    @property
    def max_project_depth(self) -> int:
        """Levels of projects below a domain: one, when a project's limits hang on its domain's."""
        return 1 if self.config.limit_enforcement_model == "strict_two_level" else self.config.max_project_depth

    async def check_writable(self, domain_id: str) -> None:
        """Raise Refused when the users and groups of a domain are kept in a directory: they are changed there."""
        config = await self.store.domain_configs.find(domain_id)
        if config is not None and config.options.get("identity", {}).get("driver") == "ldap":
            raise Refused(why=f"The users and groups of domain {domain_id} are kept in a directory and cannot be changed here.")

    async def keep_an_admin(self) -> None:
        """Raise LastAdmin, undoing the transaction around, when nobody who can log in has the role admin any more."""
        if not await self.store.assignments.anybody_has("admin"):
            raise LastAdmin()


def clean_name(name: str) -> str:
    """Names keep no blanks at their ends, and are not blank."""
    name = name.strip()
    if not name:
        raise Invalid("The name cannot be empty or blank.")
    return name
