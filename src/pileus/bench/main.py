"""`pileus bench`: reads its arguments, measures one scenario after the other, and reports."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
from cyclopts import Parameter

from pileus.bench import flows, report
from pileus.bench.http import ConnectionLost, Refused
from pileus.bench.measure import Figures, Samples, Work, figures, repeat
from pileus.bench.scenarios import ON_REQUEST, SCENARIOS, Call, Flow
from pileus.bench.session import NoSuchCloud, Unfit, User, log_in, read_cloud
from pileus.bench.world import World
from pileus.core.clock import Clock
from pileus.core.ids import Ids


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Options:
    """How to measure.

    Parameters
    ----------
    os_cloud
        The cloud of clouds.yaml to measure, with a project.
    clouds
        The clouds.yaml (default: OS_CLIENT_CONFIG_FILE, then the usual places).
    admin_cloud
        A cloud of clouds.yaml that may lift the project's quotas (default: OS_CLOUD-admin when there is one).
    at
        How many users at once, with commas between (default: 1,16).
    total
        How often, for stories such as boot-and-delete.
    seconds
        How long to repeat each request.
    server_pid
        The cloud's process, when it runs on this machine: its processor time is reported.
    """

    os_cloud: str = "pileus"
    clouds: Path | None = None
    admin_cloud: str | None = None
    at: str | None = None
    total: int | None = None
    seconds: float = 3.0
    server_pid: int | None = None

    @property
    def users(self) -> tuple[int, ...] | None:
        return tuple(int(number) for number in self.at.split(",")) if self.at else None


def bench(*scenarios: str, options: Options = Options(), form: Literal["table", "markdown", "json"] | None = None,
          save: Path | None = None) -> int:
    """Measure a cloud: any OpenStack.

    Parameters
    ----------
    scenarios
        What to measure; `list` names all there is. Without names all of it but the longest.
    form
        How to print the figures (default: a table on a terminal, else Markdown).
    save
        A file that gets the figures as JSON.
    """
    if scenarios == ("list",):
        for one in SCENARIOS:
            print(f"{one.name:18} {one.about}{' (only when named)' if one.name in ON_REQUEST else ''}")
        return 0
    try:
        rows = asyncio.run(measure(options, choose(scenarios)))
    except (NoSuchCloud, Unfit, Refused, ConnectionLost, OSError) as failure:
        print(f"pileus bench: {failure}", file=sys.stderr)
        return 1
    encoded = msgspec.json.format(msgspec.json.encode(rows))
    if save:
        save.write_bytes(encoded + b"\n")
    if form == "json":
        print(encoded.decode())
    elif form == "markdown" or (form is None and not sys.stdout.isatty()):
        print(report.markdown(rows), end="")
    else:
        report.show(rows)
    return 1 if any(row.failed for row in rows) else 0


def choose(names: Iterable[str]) -> list[Call | Flow]:
    """The scenarios that are named; all but those that are run on request when none is."""
    known = {one.name: one for one in SCENARIOS}
    unknown = set(names) - set(known)
    if unknown:
        raise Unfit(f"no scenario named {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return [one for one in SCENARIOS if (one.name in names if names else one.name not in ON_REQUEST)]


async def measure(options: Options, chosen: list[Call | Flow]) -> list[Figures]:
    """Log in, measure, and leave the project as it was found, also when something fails or the user has enough."""
    cloud, clock, user = read_cloud(options.os_cloud, options.clouds), Clock(), User()
    try:
        world = await World.find(await log_in(user, cloud), user, clock=clock, ids=Ids())
        await lift_quotas(world, options)
        try:
            return [row for one in chosen for row in await scenario(world, user, one, options)]
        finally:
            await world.clean()
    finally:
        user.close()


async def lift_quotas(world: World, options: Options) -> None:
    """Quotas would stop the larger scenarios; a cloud without an admin at hand is measured within them."""
    try:
        admin = read_cloud(options.admin_cloud or f"{options.os_cloud.removesuffix('-admin')}-admin", options.clouds)
    except NoSuchCloud:
        if options.admin_cloud:
            raise
        return
    await world.lift_quotas(admin)


async def scenario(world: World, user: User, one: Call | Flow, options: Options) -> list[Figures]:
    """The rows of a scenario. One that the cloud is not fit for is a row that says why, and the others go on."""
    rows = []
    for at in options.users or (one.at if isinstance(one, Flow) else (1, 16)):
        print(f"{one.name} at {at} …", file=sys.stderr, flush=True)
        try:
            samples = await (told(world, one, at, options) if isinstance(one, Flow) else asked(world, user, one, at, options))
        except (Unfit, Refused) as failure:
            samples = Samples(parts={}, problems=[str(failure)])
        rows += figures(samples, scenario=one.name, about=one.about, at=at)
    return rows


async def told(world: World, one: Flow, at: int, options: Options) -> Samples:
    return await repeat(
        story(world, one), at=at, total=options.total or one.total, seconds=None, clock=world.clock,
        origins=world.session.origins(), server=options.server_pid,
    )


async def asked(world: World, user: User, one: Call, at: int, options: Options) -> Samples:
    for kind, wanted in (("servers", one.servers), ("networks", one.networks)):
        await world.have(user, kind, wanted)
    samples = await repeat(
        call(world, one), at=at, total=one.most or sys.maxsize, seconds=None if one.most else options.seconds,
        clock=world.clock, origins=world.session.origins(), server=options.server_pid,
    )
    if one.creates:
        await world.clean([one.creates])
    return samples


def call(world: World, one: Call) -> Work:
    """The request of a scenario, built now; only a name that is used once is put in each time."""
    path, headers = world.fill(one.path), {name: world.fill(value) for name, value in one.headers.items()}
    body = world.fill(msgspec.json.encode(one.body).decode()) if one.body is not None else ""
    monotonic = world.clock.monotonic
    fixed = world.session.request(one.method, one.service, path, body.encode() if body else None, expect=one.expect, headers=headers)

    async def work(user: User) -> dict[str, float]:
        what = fixed
        if "@name@" in body:
            filled = body.replace("@name@", world.name()).encode()
            what = world.session.request(one.method, one.service, path, filled, expect=one.expect, headers=headers)
        started = monotonic()
        await user.send(what)
        return {"": monotonic() - started}

    return work


def story(world: World, one: Flow) -> Work:
    world.fill("@image@ @flavor@ @network@")
    pauses = flows.pauses(one.first_look_s)
    return lambda user: one.story(world, user, pauses)
