"""`pileus object-store …`: the processes of an object store's cluster."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter

from pileus.cli.options import STATE
from pileus.core import event_loop
from pileus.core.clock import Clock
from pileus.core.ids import Ids

if TYPE_CHECKING:
    from pileus.object_store.proxy.proxy import Proxy

Node = Annotated[Path, Parameter(name="--state", help="The node's folder.")]
HERE = STATE / "object_store"


def run(*names: str, state: Node = HERE, once: bool = False, take_over: bool = False) -> int:
    """Run servers and daemons in this process, in the foreground.

    Parameters
    ----------
    names
        proxy-server, storage-server, daemons by name or, in one process, all `daemons`; or main, rest, all.
    once
        Run the daemons once and end.
    take_over
        Serve beside the process that runs, and be its successor when that ends.
    """
    from pileus.core import log as logs
    from pileus.object_store.cluster.manager import Marker, named
    from pileus.object_store.cluster.run import run as run_process

    try:
        names = tuple(named(names, apart=_apart(state)))
    except ValueError as unknown:
        print(unknown, file=sys.stderr)
        return 1
    logs.setup(as_json=False, level="INFO")
    marks = []
    try:
        marks = [] if once else [Marker(state, name, take_over=take_over) for name in names]
    except BlockingIOError:
        print(f"{' '.join(names)}: already running", file=sys.stderr)
        return 1

    def ready() -> None:
        for mark in marks:
            mark.ready()

    event_loop.run(run_process(configuration(state), state, names, once=once, ready=ready))
    return 0


def configuration(state: Path):
    """The options of a node: `node.json` or [object_store] of `pileus.toml` in its folder."""
    from pileus.object_store.config import ObjectStoreConfig

    if (state / "node.json").exists():
        return msgspec.json.decode((state / "node.json").read_bytes(), type=ObjectStoreConfig)
    from pileus.cli.options import configuration as whole

    return whole(state).object_store


def _apart(state: Path) -> bool:
    """Whether each kind has a server of its own. Where the configuration is none, what runs says so: it can be stopped all the same."""
    from pileus.core.config import ConfigInvalid

    try:
        return configuration(state).apart
    except (msgspec.MsgspecError, ConfigInvalid, OSError):
        return (state / "run" / "object-server.pid").exists()


def dev_cluster(*, state: Path = HERE / "cluster", nodes: int = 3, replicas: int = 3, devices: int = 1, port: int = 8080,
                identity: str = "http://127.0.0.1:8787/identity/v3", apart: bool = False, stop: bool = False) -> int:
    """Start a cluster of several nodes on this machine, each of a storage server, a proxy and daemons in processes of their own.

    With OS_USERNAME, OS_PASSWORD and OS_PROJECT_NAME in the environment proxies ask identity as that user, who needs the role
    service or admin: then they take keys for S3, too.

    Parameters
    ----------
    port
        The first proxy's port; the others follow. Storage servers have those from 200 below.
    apart
        Have servers of their own for accounts, containers and objects.
    identity
        Where proxies ask who holds a token.
    stop
        Stop it instead.
    """
    from pileus.object_store.cluster.layout import lay_out
    from pileus.object_store.ring import file
    from pileus.object_store.ring.builder import Builder

    if stop:
        return 1 if asyncio.run(_each_node(sorted(state.glob("node*")), stop=True)) else 0
    user = {"username": os.environ.get("OS_USERNAME", ""), "password": os.environ.get("OS_PASSWORD", ""),
            "project": os.environ.get("OS_PROJECT_NAME", "service")}
    ports = [(port - 200 + (3 * n if apart else n), port + n) for n in range(nodes)]
    try:
        places = lay_out(state, Ids(), ports, apart=apart, devices=devices, replicas=replicas, part_power=8,
                         identity_url=identity, identity_service=user,
                         temp_auth={"users": [{"account": "test", "user": "tester", "key": "testing", "groups": [".admin"]}]})
    except ValueError as other:
        print(f"{other}: start it as it was started first, or remove {state}", file=sys.stderr)
        return 1
    for ring in sorted((state / "rings").glob("*.ring")):
        if not ring.with_suffix(".builder").exists():
            Builder.of_ring(file.read(ring), min_part_hours=0).save(ring.with_suffix(".builder"))
    if asyncio.run(_each_node(place.state for place in places)):
        return 1
    print("ready: " + ", ".join(f"http://{place.config.proxy_listen}/v1" for place in places))
    print(f"with a token of {identity}, or as a user of its own: "
          f"swift -A http://{places[0].config.proxy_listen}/auth/v1.0 -U test:tester -K testing stat")
    print(f"its processes: pileus object-store status all --state {places[0].state}")
    print(f"its rings: pileus ring show {state}/rings/object.builder")
    return 0


async def _each_node(folders: Iterable[Path], *, stop: bool = False) -> int:
    """Start or stop what runs on each; says how many processes failed to."""
    from pileus.object_store.cluster.manager import TOGETHER, Manager, named

    failed = 0
    for folder in folders:
        names = named(["main", TOGETHER], apart=_apart(folder))
        manager = Manager(folder, Clock(), say=partial(print, f"{folder.name}:"))
        failed += await manager.stop(names[::-1]) if stop else await manager.start(names)
    return failed


def dispersion_populate(*, state: Node = HERE, coverage: float = 0.01) -> int:
    """Put something on a part of all partitions, for `dispersion-report`.

    Parameters
    ----------
    coverage
        How large a part: 1 is all of them.
    """
    from pileus.object_store.cluster import dispersion

    async def act(proxy: Proxy) -> int:
        for ring, count in (await dispersion.populate(proxy, coverage)).items():
            print(f"{ring}: {count} partitions are covered")
        return 0

    return _with_proxy(state, act)


def dispersion_report(*, state: Node = HERE, json: bool = False) -> int:
    """Say how much of what `dispersion-populate` put is where it should be."""
    from pileus.object_store.cluster import dispersion

    async def act(proxy: Proxy) -> int:
        reports = await dispersion.report(proxy)
        if json:
            print(msgspec.json.encode(reports).decode())
            return 0
        for found in reports:
            print(f"{found.ring}: {found.percent:.2f} % of {found.expected} copies found, {found.partitions} partitions looked at")
            for missing, partitions in sorted(found.missing.items()):
                print(f"  {partitions} partitions miss {missing}")
        return 0

    return _with_proxy(state, act)


def relink(*, state: Node = HERE, cleanup: bool = False) -> int:
    """Have objects found under twice as many partitions: see `pileus ring prepare-increase-partition-power`.

    Parameters
    ----------
    cleanup
        Take away the names that nobody looks for any more, when the ring has the new partitions.
    """
    from pileus.object_store.daemons.relinker import ObjectRelinker
    from pileus.object_store.service import ObjectStore

    async def act() -> dict[str, int]:
        store = ObjectStore(configuration(state), state, Clock(), Ids(), serves=())
        try:
            relinker = ObjectRelinker(store)
            relinker.cleanup = cleanup
            return await relinker.run_once()
        finally:
            await store.stop()

    print(", ".join(f"{what}: {count}" for what, count in asyncio.run(act()).items()) or "nothing to do")
    return 0


def _with_proxy(state: Path, act: Callable[[Proxy], Awaitable[int]]) -> int:
    """Do something by way of a node's proxy, in this process."""
    from pileus.object_store.model.names import KINDS
    from pileus.object_store.service import ObjectStore

    async def run_() -> int:
        config = configuration(state)
        store = ObjectStore(config, state, Clock(), Ids(), serves=() if config.ring_folder else KINDS)
        try:
            return await act(store.proxy)
        except OSError as problem:
            print(problem, file=sys.stderr)
            return 1
        finally:
            await store.stop()

    return asyncio.run(run_())


def _managed(action: str):
    def command(*names: str, state: Node = HERE) -> int:
        from pileus.object_store.cluster.manager import Manager, named

        manager = Manager(state, Clock())
        try:
            chosen = named(names or ["main"], apart=_apart(state))
            if action != "once":
                chosen = manager.as_they_run(chosen)
        except ValueError as unknown:
            print(unknown, file=sys.stderr)
            return 1

        async def act() -> int:
            match action:
                case "status":
                    return await manager.status(chosen)
                case "start":
                    return await manager.start(chosen)
                case "no-wait":
                    return await manager.start(chosen, wait=False)
                case "once":
                    return await manager.start([n for n in chosen if not n.endswith("-server")], once=True)
                case "stop":
                    return await manager.stop(chosen[::-1], kill=False)
                case "restart":
                    return await manager.stop(chosen[::-1]) or await manager.start(chosen)
                case "kill":
                    return await manager.stop(chosen[::-1], kill=True)
                case _:
                    return await manager.reload(chosen)

        return 1 if asyncio.run(act()) else 0

    command.__doc__ = ACTIONS[action]
    command.__name__ = action.replace("-", "_")
    return command


#: What `swift-init` does, by the same words; servers by name, or main, rest, all.
ACTIONS = {
    "status": "Say which servers run.",
    "start": "Start servers and wait until they are up.",
    "no-wait": "Start servers without waiting.",
    "once": "Run daemons once and wait for them.",
    "stop": "Stop servers when what they are doing is done.",
    "restart": "Stop servers, and start them again.",
    "reload": "Start servers anew, one after another, without turning a request away.",
    "force-reload": "Start servers anew, one after another, without turning a request away.",
    "kill": "End servers at once.",
}
status, start, no_wait, once_, stop_, restart, reload, force_reload, kill = (_managed(action) for action in ACTIONS)
