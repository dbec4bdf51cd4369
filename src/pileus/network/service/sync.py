"""Telling hosts what their networks must look like.

Changes are marked when they are committed (`touch`), gathered for a moment, and resolved to the hosts that are really
affected; `wire` asks for one host now and waits. Either way a host's state is built whole and from the database, so it
does not matter who marked what: a mark that is lost is made good by the next one, and by the periodic `resync`.

A host is told one thing at a time. While it is busy, whatever else is wanted of it waits and is built anew afterwards; a
host that answers slowly keeps no other from being told.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pileus.core.errors import CloudError
from pileus.core.log import Log
from pileus.network.datapath.base import HostNetworks
from pileus.network.interface import Applied, NetworkAgent
from pileus.network.model import Kind, Port
from pileus.network.service.part import Part

if TYPE_CHECKING:
    from pileus.network.service import Network

log = Log("pileus.network.sync")

#: Hosts whose states are built together.
BATCH = 100


class Changes:
    """What was changed since hosts were last told."""

    def __init__(self) -> None:
        self.hosts: set[str] = set()
        self.networks: set[str] = set()     # they themselves, or their subnets
        self.spread: set[str] = set()       # networks that hosts may have joined or left
        self.groups: set[str] = set()       # their rules
        self.members: set[str] = set()      # groups that ports may have joined or left
        self.central = False                # DHCP or routers

    def empty(self) -> bool:
        return not (self.hosts or self.networks or self.spread or self.groups or self.members or self.central)


class Sync(Part):
    def __init__(self, net: Network):
        super().__init__(net)
        self.changes = Changes()
        self._touched, self._ready = asyncio.Event(), asyncio.Event()
        self._queue: dict[str, list[asyncio.Future]] = {}
        self._busy: set[str] = set()
        self._tasks: set[asyncio.Task] = set()
        self._loops: list[asyncio.Task] = []

    # ---- life ----------------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Begin to tell hosts. Until then changes are only marked."""
        if not self._loops:
            self._loops = [asyncio.create_task(loop(), name=f"network.{loop.__name__}") for loop in (self._gather, self._pump)]

    async def stop(self) -> None:
        for task in [*self._loops, *self._tasks]:
            task.cancel()
        await asyncio.gather(*self._loops, *self._tasks, return_exceptions=True)
        self._loops.clear()

    async def settle(self) -> None:
        """Wait until everything that was changed so far has been told."""
        while self._touched.is_set() or self._queue or self._busy:
            await self.kit.clock.sleep(self.config.sync_delay_s / 4)

    # ---- marking -------------------------------------------------------------------------------------------------------
    def touch(
        self,
        *,
        hosts: Iterable[str] = (),
        networks: Iterable[str] = (),
        groups: Iterable[str] = (),
        members: Iterable[str] = (),
        spread: Iterable[str] = (),
        central: bool = False,
    ) -> None:
        """Mark what a change affects; it counts once the transaction around is committed."""
        sets = tuple((name, tuple(found)) for name, found in
                     (("hosts", hosts), ("networks", networks), ("groups", groups), ("members", members), ("spread", spread)))

        def mark() -> None:
            for name, found in sets:
                getattr(self.changes, name).update(one for one in found if one)
            self.changes.central = self.changes.central or central
            self._touched.set()

        self.db.after_commit(mark)

    def touch_port(self, port: Port) -> None:
        """A port came, went or changed: its host, DHCP, and whoever lets the members of its groups in."""
        guest = port.kind == Kind.GUEST
        self.touch(hosts=[port.host, port.coming_to] if port.host and guest else (), members=port.security_groups if guest else (),
                   spread=[port.network_id] if port.host and guest else (), central=bool(port.addresses) or not guest)

    # ---- telling now ---------------------------------------------------------------------------------------------------
    async def wire(self, host: str) -> frozenset[str]:
        """Tell a host its state as it is now, and wait. Returns the guests' ports that are wired up there."""
        self.start()
        answer: asyncio.Future[Applied] = asyncio.get_running_loop().create_future()
        self._enqueue(host, answer)
        return frozenset((await answer).wired)

    async def resync(self) -> str | None:
        """Tell every host everything, whatever was marked."""
        hosts = [agent.host for agent in await self.stores.agents.all() if self.net.agents.alive(agent)]
        for host in hosts:
            self._enqueue(host)
        return f"{len(hosts)} hosts" if hosts else None

    # ---- how it is done ------------------------------------------------------------------------------------------------
    def _enqueue(self, host: str, answer: asyncio.Future | None = None) -> None:
        waiting = self._queue.setdefault(host, [])
        if answer is not None:
            waiting.append(answer)
        self._ready.set()

    async def _gather(self) -> None:
        """Turn marks into hosts, a moment after the first mark."""
        while True:
            await self._touched.wait()
            await self.kit.clock.sleep(self.config.sync_delay_s)
            changes, self.changes = self.changes, Changes()
            try:
                for host in await self._affected(changes):
                    self._enqueue(host)
            except Exception:
                log.exception("could not find out which hosts a change affects")
            if self.changes.empty():
                self._touched.clear()

    async def _affected(self, changes: Changes) -> set[str]:
        ask = self.net.wanted.ask
        hosts = set(changes.hosts)
        multihost = len(await self.stores.agents.underlays()) > 1
        hosts |= await ask.hosts_on(changes.networks | (changes.spread if multihost else set()))
        hosts |= await ask.hosts_with(changes.groups | await ask.groups_letting_in(changes.members))
        if changes.central or changes.networks:
            hosts.add(await self.net.agents.network_host())
        hosts.discard("")
        return hosts

    async def _pump(self) -> None:
        """Build the states of hosts that are waiting and not busy, and send them on their way."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            hosts = [host for host in self._queue if host not in self._busy][:BATCH]
            if not hosts:
                continue
            taken = {host: self._queue.pop(host) for host in hosts}
            self._busy.update(hosts)
            try:
                states = await self.net.wanted.build(hosts)
            except Exception as failure:
                log.exception("could not build the wanted state of hosts")
                self._busy.difference_update(hosts)
                for answers in taken.values():
                    _fail(answers, failure)
                continue
            for host, (generation, wanted) in states.items():
                task = asyncio.create_task(self._tell(host, generation, wanted, taken[host]), name=f"network.tell.{host}")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            if self._queue:
                self._ready.set()

    async def _tell(self, host: str, generation: int, wanted: HostNetworks, answers: list[asyncio.Future]) -> None:
        try:
            applied = await NetworkAgent.at(host, self.kit.bus).apply(generation, wanted)
            await self._record(host, wanted, applied)
            for answer in answers:
                if not answer.done():
                    answer.set_result(applied)
        except CloudError as failure:
            log.warning("could not tell a host its network", host=host, error=str(failure))
            _fail(answers, failure)
        except Exception as failure:
            log.exception("could not tell a host its network", host=host)
            _fail(answers, failure)
        finally:
            _fail(answers, CloudError("The network service is stopping."))
            self._busy.discard(host)
            if host in self._queue:
                self._ready.set()

    async def _record(self, host: str, wanted: HostNetworks, applied: Applied) -> None:
        """Ports that are wired up are ACTIVE, the others DOWN."""
        if applied.problem:
            log.error("a host could not make all of its network", host=host, error=applied.problem)
        done = set(applied.wired)
        wired = [port.id for port in wanted.ports if port.id in done and port.up]
        broken = [port.id for port in wanted.ports if port.id not in done or not port.up]
        if wired:
            await self.stores.ports.set_status("ACTIVE", host, wired)
        if broken:
            await self.stores.ports.set_status("DOWN", host, broken)


def _fail(answers: list[asyncio.Future], failure: Exception) -> None:
    for answer in answers:
        if not answer.done():
            answer.set_exception(failure)
            answer.exception()                         # it counts as seen, also when nobody waits any more
