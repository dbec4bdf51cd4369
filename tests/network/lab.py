"""The network service with its API, and agents with simulated datapaths on a loopback bus.

    async with Lab() as lab:
        net = await lab.network()
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec

from pileus.network.agent import Agent
from pileus.network.api import API
from pileus.network.config import NetworkConfig
from pileus.network.datapath.base import HostNetworks
from pileus.network.datapath.simulated import Simulated
from pileus.network.policy import DEFAULTS
from pileus.network.service import Network
from tests.harness import Answer, Caller, Harness, make_kit

V2 = "/network/v2.0"


class Lab:
    def __init__(self, *hosts: str, seed: int = 1, **options: Any):
        self.host_names, self.seed = hosts or ("h1",), seed
        self.config = msgspec.convert({"datapath": "simulated", **options}, NetworkConfig)
        self.datapaths: dict[str, Simulated] = {}
        self.agents: dict[str, Agent] = {}

    async def __aenter__(self) -> Lab:
        self.kit = await make_kit(DEFAULTS, seed=self.seed)
        self.net = Network(self.kit, self.config)
        await self.net.start()
        self.http = Harness([API], self.kit, SimpleNamespace(network=self.net))
        for name in self.host_names:
            await self.add_host(name)
        return self

    async def __aexit__(self, *_: Any) -> None:
        for agent in self.agents.values():
            await agent.stop()
        await self.net.stop()
        await self.kit.ticker.stop()

    async def add_host(self, name: str, underlay: str = "") -> Agent:
        datapath = self.datapaths.setdefault(name, Simulated())
        agent = self.agents[name] = Agent(name, datapath, self.kit.bus, msgspec.structs.replace(self.config, underlay=underlay))
        await agent.start()
        return agent

    def as_(self, role: str = "member", **who: Any) -> Caller:
        return self.http.as_(role, **who)

    @property
    def admin(self) -> Caller:
        return self.as_("admin", project="admin")

    def wanted(self, host: str = "h1") -> HostNetworks:
        return self.datapaths[host].wanted

    async def settle(self) -> None:
        await self.net.sync.settle()

    # ---- making things through the API -----------------------------------------------------------------------------------
    async def make(self, collection: str, one: str, *, by: Caller | None = None, **fields: Any) -> dict[str, Any]:
        got = await (by or self.as_()).post(f"{V2}/{collection}", {one: fields})
        assert got.status == 201, got.text
        return got.json[one]

    async def network(
        self, *, by: Caller | None = None, cidr: str | None = "10.0.0.0/24", subnet: dict | None = None, **fields: Any
    ) -> dict[str, Any]:
        """A network, with a subnet unless `cidr` is None; `subnets` are ids."""
        network = await self.make("networks", "network", by=by, **({"name": "net"} | fields))
        if cidr:
            await self.make(
                "subnets",
                "subnet",
                by=by,
                network_id=network["id"],
                ip_version=6 if ":" in cidr else 4,
                cidr=cidr,
                **(subnet or {}),
            )
        return (await (by or self.as_()).get(f"{V2}/networks/{network['id']}")).json["network"]

    async def external(self, cidr: str = "172.24.4.0/24") -> dict[str, Any]:
        return await self.network(
            by=self.admin, name="public", cidr=cidr, subnet={"enable_dhcp": False}, **{"router:external": True}
        )

    async def port(self, network: dict[str, Any], *, by: Caller | None = None, **fields: Any) -> dict[str, Any]:
        return await self.make("ports", "port", by=by, network_id=network["id"], **fields)

    async def router(
        self, *subnets: str, external: dict[str, Any] | None = None, by: Caller | None = None, **fields: Any
    ) -> dict[str, Any]:
        by = by or self.as_()
        if external:
            fields["external_gateway_info"] = {"network_id": external["id"]}
        router = await self.make("routers", "router", by=by, **fields)
        for subnet in subnets:
            got = await by.put(f"{V2}/routers/{router['id']}/add_router_interface", {"subnet_id": subnet})
            assert got.status == 200, got.text
        return router

    async def guest(self, network: dict[str, Any], host: str = "h1", *, project: str = "p1", **fields: Any) -> str:
        """A server's port, wired up on a host."""
        port_id, device_id = self.kit.ids.uuid(), self.kit.ids.uuid()
        await self.net.create_server_port(
            port_id, network["id"], project_id=project, device_id=device_id, device_owner="compute:nova", host=host, **fields
        )
        assert port_id in await self.net.wire(host)
        return port_id


def type_of(answer: Answer) -> str:
    return answer.json["NeutronError"]["type"]


def message_of(answer: Answer) -> str:
    return answer.json["NeutronError"]["message"]
