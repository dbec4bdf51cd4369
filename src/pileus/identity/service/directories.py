"""Domains whose users and groups are in LDAP (`identity.driver = ldap` in the domain's configuration).

What a directory says is kept beside everybody else, so roles, tokens and lists know no difference: it is asked again every
few minutes, when the domain is listed, and about the one who logs in. Passwords are never kept: each login asks the directory.
Users and groups have ids of 64 hexadecimal digits, made from the domain and the directory's id, so they are known again. Who is
no longer in the directory is disabled and keeps their roles: half an answer must not cost anybody theirs.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from pileus.core.errors import Unauthenticated
from pileus.core.log import Log
from pileus.identity.directory.ldap import DirectoryUnavailable, Ldap, Person, Team
from pileus.identity.model import Group, User
from pileus.identity.service.core import Core
from pileus.identity.service.domain_configs import DomainConfigs
from pileus.identity.store.base import Filter

T = TypeVar("T")
log = Log("pileus.identity.directories")

DRIVER = "ldap"
THREADS = 4
#: A list asks the directory again when the last answer is older.
FRESH_S = 30.0
LONGEST = 255


class Directories:
    def __init__(self, core: Core, configs: DomainConfigs):
        self.core, self.db, self.configs = core, core.db, configs
        self.asked: dict[str, float] = {}
        self._threads: ThreadPoolExecutor | None = None

    async def of(self, domain_id: str) -> Ldap | None:
        options = await self.configs.effective(domain_id)
        return Ldap(options["ldap"]) if options is not None and options["identity"]["driver"] == DRIVER else None

    async def prove(self, directory: Ldap, domain_id: str, name: str, password: str) -> str:
        """The user whose password this is, as the directory has them now. Raises Unauthenticated."""
        found = await self._ask(directory.people, name)
        if len(found) != 1 or not await self._ask(directory.proves, found[0], password):
            raise Unauthenticated()
        teams = await self._ask(directory.teams, found[0])
        async with self.db.transaction():
            changed = await self._keep_person(domain_id, found[0])
            for team in teams:
                changed |= await self._keep_team(domain_id, team)
            wanted = {public_id(domain_id, team.local_id, "group") for team in teams}
            changed |= await self._keep_memberships(domain_id, {public_id(domain_id, found[0].local_id): wanted})
            if changed:
                await self.core.generations.raise_()
        return public_id(domain_id, found[0].local_id)

    async def freshen(self, domain_id: str | None) -> None:
        """Ask the directory of a domain, if it has one, unless that was done a moment ago. When it is silent, what is known stays."""
        if domain_id is None:
            return
        now = self.core.clock.monotonic()
        directory = await self.of(domain_id)
        if directory is None or now - self.asked.get(domain_id, float("-inf")) < FRESH_S:
            return
        self.asked[domain_id] = now
        try:
            await self._refresh(domain_id, directory)
        except DirectoryUnavailable as problem:
            log.warning("a directory does not answer", domain=domain_id, why=problem.detail)

    async def refresh_all(self) -> str | None:
        done = []
        for config in await self.core.store.domain_configs.all():
            if config.options.get("identity", {}).get("driver") == DRIVER:
                self.asked.pop(config.domain_id, None)
                await self.freshen(config.domain_id)
                done.append(config.domain_id)
        return f"{len(done)} directories asked" if done else None

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _refresh(self, domain_id: str, directory: Ldap) -> None:
        """Make what is known here what the directory says."""
        people, teams = await self._ask(directory.people), await self._ask(directory.teams)
        groups = {public_id(domain_id, team.local_id, "group"): team for team in teams}
        memberships = {
            public_id(domain_id, person.local_id): {id for id, team in groups.items() if directory.is_member(person, team)}
            for person in people
        }
        async with self.db.transaction():
            changed = False
            for person in people:
                changed |= await self._keep_person(domain_id, person)
            for team in teams:
                changed |= await self._keep_team(domain_id, team)
            changed |= await self._disable_gone(domain_id, memberships.keys())
            changed |= await self._keep_memberships(domain_id, memberships)
            if changed:
                await self.core.generations.raise_()

    async def _keep_person(self, domain_id: str, person: Person) -> bool:
        """Whether anything changed. A name that somebody else here has already is passed over."""
        id, store = public_id(domain_id, person.local_id), self.core.store.users
        known = await store.find(id, lock=True)
        other = await store.named(person.name, domain_id)
        if len(person.name) > LONGEST or (other is not None and other.id != id):
            log.warning("a user of a directory was passed over", domain=domain_id, name=person.name[:LONGEST])
            return False
        if known is None:
            await store.add(User(id=id, name=person.name, domain_id=domain_id, enabled=person.enabled, extra=person.more))
            return True
        values: dict[str, Any] = {"name": person.name, "enabled": person.enabled, "extra": known.extra | person.more}
        return await self._change(store, known, values)

    async def _keep_team(self, domain_id: str, team: Team) -> bool:
        id, store = public_id(domain_id, team.local_id, "group"), self.core.store.groups
        known = await store.find(id, lock=True)
        other = await store.named(team.name, domain_id)
        if len(team.name) > LONGEST or (other is not None and other.id != id):
            log.warning("a group of a directory was passed over", domain=domain_id, name=team.name[:LONGEST])
            return False
        if known is None:
            await store.add(Group(id=id, name=team.name, domain_id=domain_id, description=team.description))
            return True
        return await self._change(store, known, {"name": team.name, "description": team.description})

    async def _change(self, store: Any, known: Any, values: dict[str, Any]) -> bool:
        new = {k: v for k, v in values.items() if getattr(known, k) != v}
        if new:
            await store.change(known, new)
        if new.get("enabled") is False:
            await self.core.generations.revoke(f"user:{known.id}")
        return bool(new)

    async def _disable_gone(self, domain_id: str, there: Any) -> bool:
        changed = False
        for user in await self.core.store.users.matching([Filter("domain_id", "equals", domain_id)]):
            if _is_of_a_directory(user.id) and user.id not in there:
                changed |= await self._change(self.core.store.users, user, {"enabled": False})
        return changed

    async def _keep_memberships(self, domain_id: str, wanted: dict[str, set[str]]) -> bool:
        """Make these the groups of these users, of those groups that are in a directory."""
        store, changed = self.core.store.groups, False
        known = {g.id for g in await store.matching([Filter("domain_id", "equals", domain_id)])}
        for user, groups in wanted.items():
            if await self.core.store.users.find(user) is None:
                continue
            have = {g.id for g in await store.of_user(user) if _is_of_a_directory(g.id)}
            for group in have - groups:
                changed |= await store.remove_member(group, user)
            for group in (groups & known) - have:
                changed |= await store.add_member(group, user)
        return changed

    async def _ask(self, call: Callable[..., T], *arguments: Any) -> T:
        """In one of a few threads: a directory that hangs keeps nobody else waiting."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="ldap")
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)


def public_id(domain_id: str, local_id: str, kind: str = "user") -> str:
    """What somebody of a directory is called here, always the same: as Keystone calls them in a domain of this id."""
    return hashlib.sha256(f"{domain_id}{kind}{local_id}".encode()).hexdigest()


def _is_of_a_directory(id: str) -> bool:
    return len(id) == 64
