"""Network agents: who they are, when they were last heard of, and which state was built for them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from pileus.core.db import METADATA, Database, Id, Json, Time
from pileus.network import errors
from pileus.network.model import Agent, Wanted
from pileus.network.store.base import Listing, chunks

agents = sa.Table(
    "network_agents", METADATA,
    Id("id", primary_key=True),
    sa.Column("host", sa.String(255), nullable=False, unique=True),
    sa.Column("underlay", sa.String(64), nullable=False),
    sa.Column("datapath", sa.String(64), nullable=False),
    sa.Column("bridges", Json, nullable=False),
    sa.Column("admin_state_up", sa.Boolean, nullable=False),
    sa.Column("description", sa.String(255), nullable=False),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("started_at", Time, nullable=False),
    sa.Column("heartbeat_at", Time, nullable=False),
)
HEARTBEAT = agents.update().where(agents.c.host == sa.bindparam("at_host")).values(heartbeat_at=sa.bindparam("now"))

OLDEST_ALIVE = (
    sa.select(agents.c.host)
    .where(agents.c.heartbeat_at >= sa.bindparam("since"), agents.c.admin_state_up)
    .order_by(agents.c.created_at, agents.c.host)
    .limit(1)
)
UNDERLAYS = sa.select(agents.c.host, agents.c.underlay).where(agents.c.underlay != "")
SOME = agents.c.host.in_(sa.bindparam("hosts", expanding=True))
AT_LEAST = sa.bindparam("at_least", type_=agents.c.generation.type)
NEXT_GENERATION = agents.update().where(SOME).values(
    generation=sa.case((agents.c.generation >= AT_LEAST, agents.c.generation + 1), else_=AT_LEAST))
GENERATIONS = sa.select(agents.c.host, agents.c.generation).where(SOME)


class Agents:
    listing = Listing(agents, hidden=("generation", "bridges"))

    def __init__(self, db: Database):
        self.db = db

    def missing(self, id: str) -> errors.AgentNotFound:
        return errors.AgentNotFound(agent_id=id)

    async def get(self, id: str) -> Agent:
        found = await self.db.one(Agent, sa.select(agents).where(agents.c.id == id))
        if found is None:
            raise self.missing(id)
        return found

    async def page(self, wanted: Wanted) -> list[Agent]:
        return await self.listing.page(self.db, Agent, self.listing.select(wanted), wanted, self.missing)

    async def all(self) -> list[Agent]:
        """The oldest first."""
        return await self.db.all(Agent, sa.select(agents).order_by(agents.c.created_at, agents.c.host))

    async def oldest_alive(self, since: datetime) -> str | None:
        return await self.db.scalar(OLDEST_ALIVE, {"since": since})

    async def underlays(self) -> dict[str, str]:
        """Host → its address towards other hosts, of those that have one."""
        return {
            row.host: row.underlay
            for row in await self.db.rows(UNDERLAYS)
        }

    async def on(self, host: str) -> Agent | None:
        return await self.db.one(Agent, sa.select(agents).where(agents.c.host == host))

    async def insert(self, agent: Agent) -> None:
        await self.db.insert(agents, agent)

    async def heartbeat(self, host: str, now: datetime) -> int:
        return await self.db.execute(HEARTBEAT, {"at_host": host, "now": now})

    async def update(self, host: str, **changes) -> int:
        return await self.db.execute(agents.update().where(agents.c.host == host).values(**changes))

    async def delete(self, id: str) -> None:
        await self.db.execute(agents.delete().where(agents.c.id == id))

    async def generations(self, hosts: Sequence[str], at_least: int) -> dict[str, int]:
        """A new generation for each host's state: greater than all before, also when a database was lost (`at_least` is a time)."""
        found: dict[str, int] = {}
        for part in chunks(sorted(hosts)):
            await self.db.execute(NEXT_GENERATION, {"hosts": part, "at_least": at_least})
            rows = await self.db.rows(GENERATIONS, {"hosts": part})
            found |= {row.host: row.generation for row in rows}
        return found
