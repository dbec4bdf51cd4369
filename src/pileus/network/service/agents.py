"""Network agents: who is alive, and which host has DHCP and the routers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import builtins
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pileus.core.db import Duplicate
from pileus.core.log import Log
from pileus.network import errors
from pileus.network.model import Agent, Heartbeat, Wanted
from pileus.network.service.part import Part

if TYPE_CHECKING:
    from pileus.network.service import Network

log = Log("pileus.network")


class Agents(Part):
    #: How long the answer to "which is the network host" is believed.
    REMEMBER_S = 5.0

    def __init__(self, net: Network):
        super().__init__(net)
        self._network_host: str | None = None
        self._believed_until = 0.0
        self._down: set[str] = set()

    # ---- what agents say -----------------------------------------------------------------------------------------------
    async def report(self, heartbeat: Heartbeat) -> None:
        """An agent is alive. One that was not known, was silent for long or has just begun gets its whole state."""
        now = self.now()
        if not heartbeat.started and heartbeat.host not in self._down and await self.stores.agents.heartbeat(heartbeat.host, now):
            return
        facts: dict[str, Any] = {
            "underlay": heartbeat.underlay, "datapath": heartbeat.datapath, "bridges": heartbeat.bridges, "heartbeat_at": now}
        if not await self.stores.agents.update(heartbeat.host, **facts, **({"started_at": now} if heartbeat.started else {})):
            try:
                await self.stores.agents.insert(
                    Agent(id=self.ids.uuid(), host=heartbeat.host, created_at=now, started_at=now, **facts)
                )
            except Duplicate:
                await self.stores.agents.update(heartbeat.host, **facts)
        self._down.discard(heartbeat.host)
        self._believed_until = 0.0
        await self.network_host()
        self.net.sync.touch(hosts=[heartbeat.host])

    async def check(self) -> str | None:
        """Ports on hosts whose agent has gone silent are down; when it was the network host, another one takes over."""
        silent = {agent.host for agent in await self.stores.agents.all() if not self.alive(agent)}
        fresh = silent - self._down
        self._down = silent
        for host in fresh:
            log.warning("network agent is down", host=host)
            await self.stores.ports.set_down(host)
        self._believed_until = 0.0
        await self.network_host()
        return f"{len(fresh)} went down" if fresh else None

    # ---- questions -----------------------------------------------------------------------------------------------------
    def alive(self, agent: Agent) -> bool:
        return self.now() - agent.heartbeat_at < timedelta(seconds=self.config.agent_down_s)

    async def knows(self, host: str) -> bool:
        return await self.stores.agents.on(host) is not None

    async def network_host(self) -> str:
        """The host of DHCP and routers: the configured one, or the oldest that is alive; empty when there is none."""
        if self.config.network_host:
            return self.config.network_host
        now = self.kit.clock.monotonic()
        if now >= self._believed_until:
            since = self.now() - timedelta(seconds=self.config.agent_down_s)
            before, self._network_host = self._network_host, await self.stores.agents.oldest_alive(since) or ""
            self._believed_until = now + self.REMEMBER_S
            if before is not None and before != self._network_host:        # one takes it over, the other lets go of it
                self.net.sync.touch(hosts=[before, self._network_host])
        return self._network_host or ""

    # ---- the API -------------------------------------------------------------------------------------------------------
    async def list(self, wanted: Wanted = Wanted()) -> builtins.list[Agent]:
        return await self.stores.agents.page(wanted)

    async def get(self, agent_id: str) -> Agent:
        return await self.stores.agents.get(agent_id)

    async def update(self, agent_id: str, changes: dict) -> Agent:
        agent = await self.get(agent_id)
        if changes:
            await self.stores.agents.update(agent.host, **changes)
        return await self.get(agent_id)

    async def delete(self, agent_id: str) -> None:
        """Forget an agent that is gone for good."""
        agent = await self.get(agent_id)
        if self.alive(agent):
            raise errors.AgentIsAlive(agent_id=agent_id)
        await self.stores.agents.delete(agent_id)
