"""Which addresses are in use, and which are free: the tables behind `ipam`.

The primary key of `network_addresses` is the last word: whatever two control planes think is free, a network's address
has one row. `network_free_ranges` makes finding one a look-up instead of a search. Every change of a range names the range
as it was read, and is tried again when somebody else was faster.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from pileus.core import statements
from pileus.core.db import METADATA, Database, Duplicate, Id, Time
from pileus.core.errors import Unavailable
from pileus.network import errors, ipam
from pileus.network.addressing import number, ranges_of, text
from pileus.network.model import Address, Subnet

addresses = sa.Table(
    "network_addresses", METADATA,
    Id("network_id", primary_key=True),
    sa.Column("ip", sa.String(64), primary_key=True),
    Id("port_id", sa.ForeignKey("network_ports.id"), nullable=False, index=True),
    Id("subnet_id", sa.ForeignKey("network_subnets.id"), nullable=False, index=True),
    sa.Column("at", sa.Integer, nullable=False),       # its place in the port's list
)
free_ranges = sa.Table(
    "network_free_ranges", METADATA,
    Id("subnet_id", sa.ForeignKey("network_subnets.id"), primary_key=True),
    # Addresses as hexadecimal digits of one length per IP version: they sort as text, and fit where 128 bits do not.
    sa.Column("first", sa.String(32), primary_key=True),
    sa.Column("last", sa.String(32), nullable=False),
    sa.Column("since", Time, nullable=False),           # when these addresses were given back, or the subnet made
    sa.Index("ix_network_free_ranges_next", "subnet_id", "since", "first"),
)
F = free_ranges.c
NEXT = sa.select(F.first, F.last, F.since).where(F.subnet_id == sa.bindparam("subnet")).order_by(F.since, F.first).limit(1)
AROUND = (
    sa.select(F.first, F.last, F.since)
    .where(F.subnet_id == sa.bindparam("subnet"), F.first <= sa.bindparam("at"))
    .order_by(F.first.desc())
    .limit(1)
)
AS_READ = (F.subnet_id == sa.bindparam("subnet"), F.first == sa.bindparam("was_first"), F.last == sa.bindparam("was_last"))
NARROW = free_ranges.update().where(*AS_READ).values(first=sa.bindparam("new_first"), last=sa.bindparam("new_last"))
USE_UP = free_ranges.delete().where(*AS_READ)
TRIES = 50


class Addresses:
    def __init__(self, db: Database):
        self.db = db

    # ---- free ranges -------------------------------------------------------------------------------------------------
    async def open_pools(self, subnet: Subnet, now: datetime, used: Iterable[str] = ()) -> None:
        """Write down what is free of a subnet's pools, forgetting what was written before."""
        await self.close_pools(subnet.id)
        for first, last in ipam.free(ranges_of(subnet.allocation_pools), map(number, used)):
            await self._insert(subnet, first, last, now)

    async def close_pools(self, subnet_id: str) -> None:
        await self.db.execute(free_ranges.delete().where(F.subnet_id == subnet_id))

    async def next_free(self, subnet: Subnet) -> str | None:
        """Take an address out of the free ranges; None when there is none left."""
        for _ in range(TRIES):
            rows = await self.db.rows(NEXT, {"subnet": subnet.id})
            if not rows:
                return None
            first = int(rows[0].first, 16)
            if await self._take(subnet, rows[0], first):
                return text(first, subnet.ip_version)
        raise Unavailable("Too many others are taking addresses of this subnet.")

    async def claim(self, subnet: Subnet, ip: str) -> None:
        """Take a certain address out of the free ranges, if it is in them: outside of the pools there is nothing to take."""
        wanted = number(ip)
        for _ in range(TRIES):
            rows = await self.db.rows(AROUND, {"subnet": subnet.id, "at": _key(wanted, subnet.ip_version)})
            if not rows or wanted > int(rows[0].last, 16):
                return
            if await self._take(subnet, rows[0], wanted):
                return
        raise Unavailable("Too many others are taking addresses of this subnet.")

    async def give_back(self, subnet: Subnet, ip: str, now: datetime) -> None:
        """The address is free again, if it is one of the pools'. Ranges that touch are not joined: nothing needs it."""
        if not subnet.auto and ipam.inside(ranges_of(subnet.allocation_pools), number(ip)):
            await self._insert(subnet, number(ip), number(ip), now)

    async def free_ranges(self, subnet: Subnet) -> list[ipam.Range]:
        rows = await self.db.rows(sa.select(F.first, F.last).where(F.subnet_id == subnet.id).order_by(F.first))
        return [(int(row.first, 16), int(row.last, 16)) for row in rows]

    async def _take(self, subnet: Subnet, row: sa.Row, address: int) -> bool:
        """Take an address out of a range; False when the range is no longer what was read."""
        version = subnet.ip_version
        was = {"subnet": subnet.id, "was_first": row.first, "was_last": row.last}
        parts = ipam.without((int(row.first, 16), int(row.last, 16)), address)
        if not parts:
            return bool(await self.db.execute(USE_UP, was))
        new = {"new_first": _key(parts[0][0], version), "new_last": _key(parts[0][1], version)}
        if not await self.db.execute(NARROW, was | new):
            return False
        for first, last in parts[1:]:
            await self._insert(subnet, first, last, row.since)
        return True

    async def _insert(self, subnet: Subnet, first: int, last: int, since: datetime | str) -> None:
        version = subnet.ip_version
        await self.db.execute(
            statements.insert(free_ranges),
            {"subnet_id": subnet.id, "first": _key(first, version), "last": _key(last, version), "since": since},
        )

    # ---- addresses in use --------------------------------------------------------------------------------------------
    async def add(self, address: Address, at: int) -> None:
        """Raises IpAddressAlreadyAllocated."""
        try:
            await self.db.insert(addresses, address, at=at)
        except Duplicate as taken:
            raise errors.IpAddressAlreadyAllocated(ip=address.ip, subnet_id=address.subnet_id) from taken

    async def remove(self, network_id: str, ip: str) -> None:
        await self.db.delete(addresses, network_id=network_id, ip=ip)

    async def find(self, network_id: str, ip: str) -> Address | None:
        return await self.db.one(Address, sa.select(addresses).where(addresses.c.network_id == network_id, addresses.c.ip == ip))

    async def of_subnet(self, subnet_id: str) -> list[Address]:
        return await self.db.all(Address, sa.select(addresses).where(addresses.c.subnet_id == subnet_id))

    async def reorder(self, port_id: str, ips: Sequence[str]) -> None:
        """Show the port's addresses in this order."""
        for at, ip in enumerate(ips):
            await self.db.execute(addresses.update().where(addresses.c.port_id == port_id, addresses.c.ip == ip).values(at=at))


def _key(address: int, version: int) -> str:
    return format(address, "08x" if version == 4 else "032x")
