"""Stories of several requests, with a duration for each of their parts."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from pileus.bench.http import Refused
from pileus.bench.session import User
from pileus.bench.world import World

# How long to wait before each look at a server that is changing.
Pauses = Callable[[], Iterator[float]]
Story = Callable[[World, User, Pauses], Awaitable[dict[str, float]]]
GIVE_UP_S = 300.0
AT_ONCE = 50


class Stuck(Exception):
    """A server did not reach the state that was waited for."""


def pauses(first_s: float, most_s: float = 0.25, factor: float = 1.4) -> Pauses:
    """Look soon, then less and less often: what is measured is late by at most the last pause."""

    def generate() -> Iterator[float]:
        pause = first_s
        while True:
            yield pause
            pause = min(most_s, pause * factor)

    return generate


async def boot_and_delete(world: World, user: User, pauses: Pauses) -> dict[str, float]:
    """Rally's scenario: create a server, wait until it is ACTIVE, delete it, wait until it is gone."""
    started = world.clock.monotonic()
    server = await create(world, user)
    accepted = world.clock.monotonic()
    await until_active(world, user, server, pauses)
    active = world.clock.monotonic()
    await delete(world, user, server, pauses)
    return {"accepted": accepted - started, "active": active - started, "deleted": world.clock.monotonic() - active}


async def many_at_once(world: World, user: User, pauses: Pauses) -> dict[str, float]:
    """Fifty users create a server each at the same moment; then all of them are deleted at the same moment."""
    users = [User() for _ in range(AT_ONCE)]
    try:
        started = world.clock.monotonic()
        servers = await asyncio.gather(*(create(world, one) for one in users))
        await asyncio.gather(*(until_active(world, one, server, pauses) for one, server in zip(users, servers, strict=True)))
        active = world.clock.monotonic()
        await asyncio.gather(*(delete(world, one, server, pauses) for one, server in zip(users, servers, strict=True)))
        return {"all active": active - started, "all deleted": world.clock.monotonic() - active}
    finally:
        for one in users:
            one.close()


async def min_count(world: World, user: User, pauses: Pauses) -> dict[str, float]:
    """One request for fifty servers."""
    name = world.name()
    started = world.clock.monotonic()
    await create(world, user, {"name": name, "min_count": AT_ONCE, "max_count": AT_ONCE})
    ask, wait = world.session.request("GET", "compute", f"/servers/detail?name={name}"), pauses()
    while True:
        await world.clock.sleep(next(wait))
        servers = (await user.json(ask))["servers"]
        if len(servers) == AT_ONCE and all(server["status"] == "ACTIVE" for server in servers):
            break
        failed = [server["id"] for server in servers if server["status"] == "ERROR"]
        if failed or world.clock.monotonic() - started > GIVE_UP_S:
            raise Stuck(f"{len(failed)} of {len(servers)} servers in ERROR")
    active = world.clock.monotonic()
    await world.remove("servers", [server["id"] for server in servers])
    return {"all active": active - started}


async def create(world: World, user: User, changes: dict[str, Any] | None = None) -> str:
    """Ask for a server of the smallest flavor; answers its id as soon as it is accepted."""
    body = {"server": {"name": world.name(), **world.server, **(changes or {})}}
    return (await user.json(world.session.request("POST", "compute", "/servers", body, expect=202)))["server"]["id"]


async def until_active(world: World, user: User, server: str, pauses: Pauses) -> None:
    ask, started, wait = world.session.request("GET", "compute", f"/servers/{server}"), world.clock.monotonic(), pauses()
    while True:
        await world.clock.sleep(next(wait))
        found = (await user.json(ask))["server"]
        if found["status"] == "ACTIVE":
            return
        if found["status"] == "ERROR" or world.clock.monotonic() - started > GIVE_UP_S:
            raise Stuck(f"server {server} is {found['status']}: {found.get('fault', {}).get('message', 'no fault')}")


async def delete(world: World, user: User, server: str, pauses: Pauses) -> None:
    """Delete a server and wait until the cloud does not know it any more."""
    await user.send(world.session.request("DELETE", "compute", f"/servers/{server}", expect=204))
    gone, started, wait = world.session.request("GET", "compute", f"/servers/{server}", expect=404), world.clock.monotonic(), pauses()
    while True:
        await world.clock.sleep(next(wait))
        try:
            await user.send(gone)
            return
        except Refused as refused:
            if refused.answer.status != 200 or world.clock.monotonic() - started > GIVE_UP_S:
                raise
