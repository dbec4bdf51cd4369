"""Configuration of single domains: where a domain's users are kept, and how much of them a list shows.

Secret options (a directory's password) are encrypted before they reach the database and never leave through the API.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus.identity import domain_options
from pileus.identity.domain_options import READABLE, Options
from pileus.identity.errors import DomainConfigInvalid, DomainConfigNotFound, DomainNotFound
from pileus.identity.keys import Keys
from pileus.identity.model import DEFAULT_DOMAIN, DomainConfig
from pileus.identity.service.core import Core


class DomainConfigs:
    def __init__(self, core: Core, keys: Keys):
        self.core, self.db, self.store, self.keys = core, core.db, core.store.domain_configs, keys

    async def show(self, domain_id: str, group: str | None = None, option: str | None = None) -> Any:
        """What is configured, secrets left out, or a part of it. Raises DomainConfigNotFound for what is not."""
        await self._domain(domain_id)
        _check_names(group, option)
        config = await self.store.find(domain_id)
        found = domain_options.only(config.options if config is not None else {}, group, option)
        if found is None:
            raise _missing(domain_id, group, option)
        return found

    def defaults(self, group: str | None = None, option: str | None = None) -> Any:
        _check_names(group, option)
        if group is not None and option in domain_options.SECRET.get(group, ()):
            raise DomainConfigInvalid(why=f"Reading the default for option {option} in group {group} is not supported")
        found = domain_options.only(domain_options.DEFAULTS, group, option)
        if found is None:
            raise DomainConfigNotFound(what=f"option {option} in group {group}", domain="default")
        return found

    async def compliance(self, domain_id: str, option: str | None = None) -> dict[str, Any]:
        """What everybody may know of the rules for passwords. They are the cloud's, shown as the default domain's."""
        await self._domain(domain_id)
        if domain_id != DEFAULT_DOMAIN:
            why = "Reading security compliance information for any domain other than the default domain is not allowed or supported."
            raise DomainConfigInvalid(why=why)
        if option is not None and option not in READABLE:
            raise DomainConfigInvalid(why=f"Reading security compliance values other than {' and '.join(READABLE)} is not allowed.")
        said = {name: getattr(self.core.config, name) or None for name in READABLE}
        return {domain_options.COMPLIANCE: said} if option is None else {option: said[option]}

    async def effective(self, domain_id: str) -> Options | None:
        """Everything as it is in force, secrets included; None for a domain that configured nothing. Not for showing."""
        config = await self.store.find(domain_id)
        if config is None:
            return None
        return domain_options.merged(domain_options.DEFAULTS, domain_options.merged(config.options, self._secrets(config)))

    async def replace(self, domain_id: str, options: Options) -> tuple[Any, bool]:
        """Configure a domain; says whether nothing was configured before."""
        _check(options)
        async with self.db.transaction():
            await self._domain(domain_id)
            new = await self.store.find(domain_id) is None
            await self._save(domain_id, options)
        return domain_options.parted(options)[0], new

    async def update(self, domain_id: str, given: dict[str, Any], group: str | None = None, option: str | None = None) -> Options:
        """Change what is named. With a group or an option the change may be of nothing else, and it must be there already."""
        changes = _placed(given, group, option)
        _check(changes)
        async with self.db.transaction():
            await self._domain(domain_id)
            config = await self.store.find(domain_id)
            all_options = domain_options.merged(config.options, self._secrets(config)) if config is not None else {}
            if config is None or domain_options.only(all_options, group, option) is None:
                raise _missing(domain_id, group, option)
            wanted = domain_options.merged(all_options, changes)
            await self._save(domain_id, wanted)
        return domain_options.parted(wanted)[0]

    async def delete(self, domain_id: str, group: str | None = None, option: str | None = None) -> None:
        """A part, or (repeatable) all."""
        _check_names(group, option)
        async with self.db.transaction():
            await self._domain(domain_id)
            config = await self.store.find(domain_id)
            if group is None:
                await self.store.remove(domain_id)
            else:
                options = domain_options.merged(config.options, self._secrets(config)) if config is not None else {}
                if domain_options.only(options, group, option) is None:
                    raise _missing(domain_id, group, option)
                await self._save(domain_id, domain_options.without(options, group, option))
            await self.core.generations.raise_()

    async def _save(self, domain_id: str, options: Options) -> None:
        shown, secret = domain_options.parted(options)
        sealed = self.keys.seal(msgspec.json.encode(secret)) if secret else ""
        if shown or secret:
            await self.store.save(DomainConfig(domain_id=domain_id, options=shown, sealed=sealed))
        else:
            await self.store.remove(domain_id)
        await self.core.generations.raise_()
        await self.core.keep_an_admin()

    def _secrets(self, config: DomainConfig) -> Options:
        opened = self.keys.open_token(config.sealed) if config.sealed else None
        return msgspec.json.decode(opened) if opened is not None else {}

    async def _domain(self, domain_id: str) -> None:
        found = await self.core.store.projects.find(domain_id, lock=self.db.in_transaction)
        if found is None or not found.is_domain:
            raise DomainNotFound(id=domain_id)


def _placed(given: dict[str, Any], group: str | None, option: str | None) -> Options:
    """A change as group → option → value. Raises DomainConfigInvalid when it is of something else than it says."""
    _check_names(group, option)
    if group is None:
        return given
    if option is None:
        if set(given) != {group}:
            raise DomainConfigInvalid(why=f"the change must be of group {group} and of nothing else")
        return given
    if set(given) != {option}:
        raise DomainConfigInvalid(why=f"the change must be of option {option} in group {group} and of nothing else")
    return {group: given}


def _check(options: Any) -> None:
    """Raises DomainConfigInvalid for what is no configuration."""
    if not isinstance(options, dict) or not options:
        raise DomainConfigInvalid(why="no options specified")
    for group, found in options.items():
        if not isinstance(found, dict) or not found:
            raise DomainConfigInvalid(why=f"the value of group {group} specified in the config should be a dictionary of options")
        for option in found:
            _check_names(group, option)


def _check_names(group: str | None, option: str | None) -> None:
    if group is not None and not domain_options.known(group):
        raise DomainConfigInvalid(why=f"group {group} is not supported")
    if group is not None and option is not None and not domain_options.known(group, option):
        raise DomainConfigInvalid(why=f"option {option} in group {group} is not supported")


def _missing(domain_id: str, group: str | None, option: str | None) -> DomainConfigNotFound:
    what = "any options" if group is None else f"group {group}" if option is None else f"option {option} in group {group}"
    return DomainConfigNotFound(what=what, domain=domain_id)
