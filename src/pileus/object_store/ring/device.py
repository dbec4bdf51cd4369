"""A device of a ring, and where it is."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec


class Device(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    region: int = 1
    zone: int = 1
    ip: str = "127.0.0.1"
    port: int = 6200
    device: str = ""                        # the folder's name on its server
    weight: float = 100.0                   # its share of the partitions, relative to the others
    replication_ip: str = ""                # where replicators reach it; empty: where everybody does
    replication_port: int = 0
    meta: str = ""

    @property
    def tiers(self) -> tuple[tuple, tuple, tuple, tuple]:
        """The failures it shares with others, widest first: region, zone, server, device."""
        return (self.region,), (self.region, self.zone), (self.region, self.zone, self.ip), (self.region, self.zone, self.ip, self.id)

    @property
    def name(self) -> str:
        return f"{self.ip}:{self.port}/{self.device}"

    def __str__(self) -> str:
        return f"d{self.id}r{self.region}z{self.zone}-{self.name}"


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A device as one of those that hold, or may hold, a partition."""

    device: Device
    index: int                              # which replica it holds; for a handoff, a number behind those
    handoff: bool = False

    @property
    def key(self) -> tuple[str, int]:
        """The server that is asked for it."""
        return self.device.ip, self.device.port

    @property
    def replication(self) -> tuple[str, int]:
        """Where replicators ask it: a network of their own, if there is one."""
        return self.device.replication_ip or self.device.ip, self.device.replication_port or self.device.port
