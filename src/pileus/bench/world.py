"""What a benchmark has to work with in a cloud, what it makes there, and how that is removed again."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Collection, Iterable
from functools import cached_property
from typing import Any

import msgspec

from pileus.bench.http import Refused
from pileus.bench.session import Session, Unfit, User, log_in, login_body
from pileus.core.clock import Clock
from pileus.core.ids import Ids

UNLIMITED = {
    "compute": ("/os-quota-sets/", "quota_set", ("instances", "cores", "ram")),
    "network": ("/quotas/", "quota", ("network", "subnet", "port")),
}
# Kind: service, path of the list, key of the list, status of a delete. In the order in which they may be deleted.
KINDS = {
    "servers": ("compute", "/servers?limit=1000", "/servers/", "servers"),
    "ports": ("network", "/ports?fields=id&fields=name", "/ports/", "ports"),
    "networks": ("network", "/networks?fields=id&fields=name", "/networks/", "networks"),
    "images": ("image", "/images?limit=1000", "/images/", "images"),
}
USERS = 16
GIVE_UP_S = 600.0


class World:
    """A project of a cloud, the image, flavor and network to use, and numbers nobody used before."""

    def __init__(self, session: Session, *, image: str, flavor: str, network: str, clock: Clock, ids: Ids):
        self.session, self.clock = session, clock
        self.image, self.flavor, self.network = image, flavor, network
        self.run = f"bench-{ids.hex()[:8]}"
        self._numbers = itertools.count()

    @classmethod
    async def find(cls, session: Session, user: User, *, clock: Clock, ids: Ids) -> World:
        """Look for an active image, the flavor with the least memory, and a network of the project's own with a subnet.

        What is not there, or whose service is not, only those scenarios miss that need it.
        """
        async def rows(service: str, path: str, key: str) -> list[dict[str, Any]]:
            return (await user.json(session.request("GET", service, path)))[key] if service in session.endpoints else []

        images = await rows("image", "/images?status=active&limit=100", "images")
        flavors = sorted(await rows("compute", "/flavors/detail", "flavors"), key=lambda one: (one["ram"], one["vcpus"], one["disk"]))
        networks = [one for one in await rows("network", "/networks", "networks") if one["subnets"] and not one.get("router:external")]
        found = {name: there[0]["id"] if there else "" for name, there in (("image", images), ("flavor", flavors), ("network", networks))}
        return cls(session, **found, clock=clock, ids=ids)

    @cached_property
    def server(self) -> dict[str, Any]:
        """The body of a create but for its name."""
        return msgspec.json.decode(self.fill('{"imageRef": "@image@", "flavorRef": "@flavor@", "networks": [{"uuid": "@network@"}]}'))

    def name(self) -> str:
        """A name that nobody has, by which this run knows its own."""
        return f"{self.run}-{next(self._numbers)}"

    def fill(self, text: str) -> str:
        """Put what the cloud has in the place of the words between at signs."""
        words = {
            "@token@": self.session.token, "@image@": self.image, "@flavor@": self.flavor, "@network@": self.network,
            '"@login@"': msgspec.json.encode(login_body(self.session.auth)).decode(),
        }
        for word, value in words.items():
            if word in text and not value:
                raise Unfit(f"the project has no {word.strip('@')} to use")
            text = text.replace(word, value)
        return text

    async def lift_quotas(self, cloud: dict[str, Any]) -> None:
        """As an admin, let the project have as much as it wants."""
        user = User()
        try:
            admin = await log_in(user, cloud)
            for service, (path, key, names) in UNLIMITED.items():
                body = {key: dict.fromkeys(names, -1)}
                await user.send(admin.request("PUT", service, path + self.session.project_id, body))
        finally:
            user.close()

    async def own(self, user: User, kind: str) -> list[dict[str, Any]]:
        """What this run made and did not delete yet."""
        service, path, _, key = KINDS[kind]
        return [one for one in (await user.json(self.session.request("GET", service, path)))[key] if one["name"].startswith(self.run)]

    async def have(self, user: User, kind: str, wanted: int) -> None:
        """Make or delete until there are so many, and servers are ACTIVE."""
        if KINDS[kind][0] not in self.session.endpoints:
            return
        there = await self.own(user, kind)
        if len(there) > wanted:
            await self.remove(kind, [one["id"] for one in there[wanted:]])
        elif kind == "networks":
            await together(self._make_network for _ in range(wanted - len(there)))
        elif len(there) < wanted:
            await self._make_servers(user, wanted - len(there))
            await self._settle(user, lambda servers: len(servers) == wanted and all(one["status"] == "ACTIVE" for one in servers))

    async def remove(self, kind: str, ids: Collection[str]) -> None:
        """Delete, sixteen at a time; what is gone already is fine."""
        service, _, path, _ = KINDS[kind]

        def deletion(one: str) -> Callable[[User], Awaitable[None]]:
            async def work(user: User) -> None:
                try:
                    await user.send(self.session.request("DELETE", service, path + one, expect=204))
                except Refused as refused:
                    if refused.answer.status != 404:
                        raise
            return work

        await together(deletion(one) for one in ids)
        if kind == "servers":
            gone = set(ids)
            user = User()
            try:
                await self._settle(user, lambda servers: not any(one["id"] in gone for one in servers))
            finally:
                user.close()

    async def clean(self, kinds: Iterable[str] = KINDS) -> None:
        """Delete whatever this run made of these kinds."""
        user = User()
        try:
            for kind in KINDS:
                if kind in kinds and KINDS[kind][0] in self.session.endpoints:
                    await self.remove(kind, [one["id"] for one in await self.own(user, kind)])
        finally:
            user.close()

    async def _make_network(self, user: User) -> None:
        await user.send(self.session.request("POST", "network", "/networks", {"network": {"name": self.name()}}, expect=201))

    async def _make_servers(self, user: User, count: int) -> None:
        while count > 0:
            batch = min(count, 100)
            body = {"server": {"name": self.name(), **self.server, "min_count": batch, "max_count": batch}}
            await user.send(self.session.request("POST", "compute", "/servers", body, expect=202))
            count -= batch

    async def _settle(self, user: User, settled: Callable[[list[dict[str, Any]]], bool]) -> None:
        """Wait until the servers of this run are as they should be."""
        started = self.clock.monotonic()
        ask = self.session.request("GET", "compute", f"/servers/detail?limit=1000&name={self.run}")
        while not settled(servers := (await user.json(ask))["servers"]):
            broken = [one for one in servers if one["status"] == "ERROR"]
            if broken or self.clock.monotonic() - started > GIVE_UP_S:
                why = broken[0].get("fault", {}).get("message", "no fault") if broken else "they take too long"
                raise Unfit(f"{len(broken)} of {len(servers)} servers in ERROR: {why}")
            await self.clock.sleep(0.1)


async def together(works: Iterable[Callable[[User], Awaitable[None]]]) -> None:
    """Do all of the work, by sixteen users at once."""
    queue = iter(works)

    async def one() -> None:
        user = User()
        try:
            for work in queue:
                await work(user)
        finally:
            user.close()

    await asyncio.gather(*(one() for _ in range(USERS)))
