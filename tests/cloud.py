"""A whole cloud in this process: virtual time, SQLite in memory, simulated hosts, the public HTTP API.

    async def test_something(cloud):
        server = await cloud.boot("alice")
        await cloud.settle()

Fakes are only at the edges: the hypervisors and datapaths are the simulated drivers, with named faults.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from pileus.bootstrap import bootstrap
from pileus.cloud import Cloud, Host
from pileus.compute.hypervisor.simulated import Simulated as SimulatedHypervisor
from pileus.config import CloudConfig
from pileus.core.clock import Clock, VirtualClock
from pileus.core.context import EVERYONE
from pileus.core.ids import Ids
from pileus.hosts import Place
from pileus.network.datapath.simulated import Simulated as SimulatedDatapath
from tests.harness import Answer, Caller

FAST = {
    "identity": {"bcrypt_cost": 4, "hash_threads": 0},
    "compute": {"hypervisor": "simulated"},
    "network": {"datapath": "simulated"},
    "image": {"hash_threads": 0},
    "object_store": {"threads": 0, "fsync": "never"},
}


def settings(**sections: dict[str, Any]) -> CloudConfig:
    """The configuration of tests, with some options of some sections changed."""
    merged = {name: {**FAST.get(name, {}), **sections.get(name, {})} for name in FAST.keys() | sections.keys()}
    return msgspec.convert({"host": "h1", **merged}, CloudConfig)


def memory() -> str | None:
    """Where files are kept in memory and nobody waits for a disk; None where there is little of that."""
    with contextlib.suppress(OSError):
        if shutil.disk_usage("/dev/shm").free > 2 << 30:
            return "/dev/shm"
    return None


class TestCloud:
    """Enter it with `async with`; in a test, take it as the fixture `cloud`."""

    __test__ = False

    def __init__(self, *, hosts: int = 1, seed: int = 1, state: Path | None = None, real_time: bool = False, **sections: dict[str, Any]):
        compute = sections.setdefault("compute", {})
        compute.setdefault("hosts", hosts)
        self.config, self.seed, self.real_time = settings(**sections), seed, real_time
        self._folder = tempfile.TemporaryDirectory(prefix="pileus-test-", dir=memory())
        self.state = state or Path(self._folder.name)
        self.drivers: dict[str, SimulatedHypervisor] = {}
        self.datapaths: dict[str, SimulatedDatapath] = {}
        self.tokens: dict[str, str] = {}

    async def __aenter__(self) -> TestCloud:
        await self.start()
        return self

    async def __aexit__(self, *_) -> None:
        await self.cloud.stop()
        self._folder.cleanup()

    async def start(self) -> None:
        """Start, or start again after `die`: hypervisors and datapaths keep what they have, like real hosts."""
        clock = Clock() if self.real_time else VirtualClock()
        self.cloud = Cloud(self.config, self.state, make_host=self._make_host, clock=clock, ids=Ids(self.seed), strict_bus=True)
        self.seed += 1
        self.tokens.clear()
        await self.cloud.start()
        await bootstrap(self.cloud)

    async def die(self) -> None:
        """The process is killed: nothing is told to anybody. Journals, guests and wires stay as they are."""
        kit = self.cloud.kit
        for task in [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]:
            task.cancel()
        await asyncio.sleep(0)
        await kit.db.close()

    def _make_host(self, place: Place):
        compute, name = place.config.compute, place.name
        driver = self.drivers.setdefault(name, SimulatedHypervisor(
            vcpus=compute.host_vcpus, memory_mb=compute.host_memory_mb, disk_gib=compute.host_disk_gib,
            hostname=name, sleep=place.clock.sleep))
        return driver, self.datapaths.setdefault(name, SimulatedDatapath())

    # ---- speaking to it ----------------------------------------------------------------------------------------------
    async def as_(self, cloud: str = "pileus") -> Caller:
        """A caller with a token of an entry of clouds.yaml: pileus, pileus-alt, pileus-admin, pileus-system."""
        if cloud not in self.tokens:
            import yaml

            auth = yaml.safe_load((self.state / "clouds.yaml").read_text())["clouds"][cloud]["auth"]
            domain = {"name": "Default"}
            scope = {"system": {"all": True}} if "system_scope" in auth else {"project": {"name": auth["project_name"], "domain": domain}}
            body = {"auth": {"scope": scope, "identity": {"methods": ["password"], "password": {
                "user": {"name": auth["username"], "password": auth["password"], "domain": domain}}}}}
            got = await Caller(self.cloud.app, "").post("/identity/v3/auth/tokens", body)
            assert got.status == 201, got.text
            self.tokens[cloud] = got.headers["x-subject-token"]
        return Caller(self.cloud.app, self.tokens[cloud])

    async def project(self, cloud: str = "pileus") -> str:
        caller = await self.as_(cloud)
        return (await caller.get("/identity/v3/auth/tokens", headers={"X-Subject-Token": caller.token})).json["token"]["project"]["id"]

    async def image(self, name: str = "tiny") -> str:
        return next(i["id"] for i in (await (await self.as_()).get("/image/v2/images")).json["images"] if i["name"] == name)

    async def network(self, name: str = "private") -> str:
        return (await (await self.as_("pileus-admin")).get(f"/network/v2.0/networks?name={name}")).json["networks"][0]["id"]

    async def order(self, cloud: str = "pileus", *, version: str = "2.96", hints: dict | None = None, **fields: Any) -> Answer:
        """POST /servers with sensible defaults."""
        image = fields.pop("imageRef", None) or await self.image()
        server = {"name": "s", "flavorRef": "42", "imageRef": image, "networks": "none"} | fields
        body: dict[str, Any] = {"server": server} | ({"os:scheduler_hints": hints} if hints else {})
        caller = (await self.as_(cloud)).with_headers(OpenStack_API_Version=f"compute {version}")
        return await caller.post("/compute/v2.1/servers", body)

    async def boot(self, cloud: str = "pileus", **fields: Any) -> str:
        """A server that is ACTIVE; returns its id."""
        got = await self.order(cloud, **fields)
        assert got.status == 202, got.text
        await self.settle()
        server = await self.show(got.json["server"]["id"])
        assert server["status"] == "ACTIVE", server
        return server["id"]

    async def show(self, id: str, version: str = "2.96") -> dict[str, Any] | None:
        """The server as an administrator sees it; None when it is gone."""
        caller = (await self.as_("pileus-admin")).with_headers(OpenStack_API_Version=f"compute {version}")
        got = await caller.get(f"/compute/v2.1/servers/{id}")
        return got.json["server"] if got.status == 200 else None

    async def act(self, id: str, action: str, value: Any = None, cloud: str = "pileus", version: str = "2.96") -> Answer:
        caller = (await self.as_(cloud)).with_headers(OpenStack_API_Version=f"compute {version}")
        return await caller.post(f"/compute/v2.1/servers/{id}/action", {action: value})

    async def settle(self, seconds: float = 1.0) -> None:
        """Run until every long operation has ended and what is gathered before it is sent has been sent."""
        await self.cloud.kit.sagas.drain()
        await asyncio.sleep(seconds)
        await self.cloud.kit.sagas.drain()

    @property
    def host(self) -> Host:
        return next(iter(self.cloud.hosts.values()))

    # ---- what must be true -------------------------------------------------------------------------------------------
    async def guests(self) -> set[str]:
        return {guest.id for driver in self.drivers.values() for guest in await driver.guests()}

    async def assert_clean(self, *, servers: set[str] = frozenset()) -> None:
        """Nothing is left of anything but the given servers: guests, allocations, ports, wires, journals, quota."""
        services, kit = self.cloud.services, self.cloud.kit
        assert await self.guests() == set(servers)
        assert await kit.sagas.open() == []
        held = {c for h in await services.compute.hosts.all() for c in await services.placement.allocations_on(h.id)}
        assert held == set(servers)
        admin = await self.as_("pileus-admin")
        ports = (await admin.get("/network/v2.0/ports")).json["ports"]
        owned = {p["device_id"] for p in ports if p["device_owner"].startswith("compute:")}
        assert owned <= set(servers), owned
        rows = await services.compute.store.placed()
        assert {id for id, host in rows} == set(servers), rows
        wired = {p.id for d in self.datapaths.values() if d.wanted for p in d.wanted.ports}
        assert wired <= {p["id"] for p in ports if p["device_id"] in servers}
        for server in servers:
            assert (await services.compute.store.get(server, EVERYONE)).task_state is None
