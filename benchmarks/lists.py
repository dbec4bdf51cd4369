"""What long lists cost the control plane, in one process without HTTP: `python -m benchmarks.lists [servers] [providers] [hosts]`.

A page of 1,000 servers in detail, each with an address; allocation candidates over 10,000 providers; the reports that
1,000 hosts make every minute. Medians of the processor time of one request.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import falcon.testing
import msgspec

from pileus.bootstrap import bootstrap
from pileus.cli.up import collect_seldom
from pileus.cloud import Cloud
from pileus.compute.agent import report_host
from pileus.config import CloudConfig
from pileus.hosts import Place, simulated_datapath, simulated_hypervisor
from pileus.placement.candidates import Group, Wanted
from pileus.placement.model import Inventory

QUIET = {"identity": {"bcrypt_cost": 4}, "network": {"datapath": "simulated"},
         "compute": {"hypervisor": "simulated", "quota": {"instances": -1, "cores": -1, "ram": -1}}}


class Bench:
    """A cloud in this process, asked through its ASGI application."""

    def __init__(self, folder: Path, hosts: int):
        sections = {**QUIET, "compute": {**QUIET["compute"], "hosts": hosts}}
        self.state = folder
        self.cloud = Cloud(msgspec.convert({"host": "bench", **sections}, CloudConfig), folder, make_host=make_host)
        self.token = ""

    async def start(self) -> None:
        await self.cloud.start()
        await bootstrap(self.cloud)
        collect_seldom()
        await self.log_in("pileus-admin")

    async def log_in(self, name: str) -> None:
        """From now on, ask as one of the clouds of clouds.yaml."""
        import yaml

        auth = yaml.safe_load((self.state / "clouds.yaml").read_text())["clouds"][name]["auth"]
        domain = {"name": "Default"}
        got = await self.ask("POST", "/identity/v3/auth/tokens", {"auth": {
            "scope": {"project": {"name": auth["project_name"], "domain": domain}},
            "identity": {"methods": ["password"], "password": {"user": {
                "name": auth["username"], "password": auth["password"], "domain": domain}}}}})
        self.token = got.headers["x-subject-token"]

    async def ask(self, method: str, path: str, body: Any = None) -> falcon.testing.Result:
        headers = {"x-auth-token": self.token, "openstack-api-version": "compute 2.96"}
        async with falcon.testing.ASGIConductor(self.cloud.app) as conductor:
            got = await conductor.simulate_request(method, path.partition("?")[0], query_string=path.partition("?")[2], headers=headers,
                                                   json=body)
        assert got.status_code < 300, got.text
        return got


def make_host(place: Place):
    return simulated_hypervisor(place), simulated_datapath(place)


async def median_ms(work: Callable[[], Awaitable[Any]], rounds: int = 15) -> float:
    times = []
    for _ in range(rounds):
        begin = time.process_time()
        await work()
        times.append(time.process_time() - begin)
    return 1000 * statistics.median(times)


async def page_of_servers(bench: Bench, count: int) -> float:
    """Boots them for real, in orders of 100."""
    image = (await bench.ask("GET", "/image/v2/images")).json["images"][0]["id"]
    network = (await bench.ask("POST", "/network/v2.0/networks", {"network": {"name": "large"}})).json["network"]["id"]
    await bench.ask("POST", "/network/v2.0/subnets", {"subnet": {"network_id": network, "ip_version": 4, "cidr": "10.64.0.0/16"}})
    project = (await bench.ask("GET", "/network/v2.0/networks/" + network)).json["network"]["project_id"]
    await bench.ask("PUT", f"/network/v2.0/quotas/{project}", {"quota": {"port": -1}})
    for made in range(0, count, 100):
        await bench.ask("POST", "/compute/v2.1/servers", {"server": {
            "name": "s", "flavorRef": "42", "imageRef": image, "networks": [{"uuid": network}], "min_count": min(100, count - made)}})
        await bench.cloud.kit.sagas.drain()
    shown = (await bench.ask("GET", "/compute/v2.1/servers/detail?all_tenants=1")).json["servers"]
    assert len(shown) == min(count, 1000) and all(s["status"] == "ACTIVE" and s["addresses"] for s in shown)
    return await median_ms(lambda: bench.ask("GET", "/compute/v2.1/servers/detail?all_tenants=1"))


def provider_id(n: int) -> str:
    """Spread as the identifiers of compute hosts are, which are random."""
    return str(uuid.UUID(int=n * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128, version=4))


async def candidates(bench: Bench, count: int) -> tuple[float, float]:
    """Of a plain request: with nothing changed since the last one, and after a claim."""
    placement = bench.cloud.services.placement
    stock = {"VCPU": Inventory(total=64, allocation_ratio=4.0), "MEMORY_MB": Inventory(total=262144), "DISK_GB": Inventory(total=4000)}
    async with bench.cloud.kit.db.transaction():
        for n in range(count):
            id = provider_id(n)
            await placement.ensure_provider(id, f"provider-{n}")
            await placement.set_inventory(id, stock)
            await placement.set_traits(id, {"HW_CPU_X86_VMX", "COMPUTE_NODE"})
    wanted = Wanted(groups=(Group(resources={"VCPU": 2, "MEMORY_MB": 4096, "DISK_GB": 40}, required=(frozenset({"HW_CPU_X86_VMX"}),)),))
    same = await median_ms(lambda: placement.candidates(wanted))
    turn = iter(range(10_000))

    async def claimed() -> None:
        n = next(turn)
        await placement.claim(f"{n:08x}-1111-4000-8000-000000000000", {provider_id(n): {"VCPU": 1}},
                              project_id="p", user_id="u")
        found, _ = await placement.candidates(wanted)
        assert len(found) == min(count, 1000)

    return same, await median_ms(claimed)


async def reports(bench: Bench) -> float:
    """The processor time of one report, with the servers on its host."""
    agents = [host.compute for host in bench.cloud.hosts.values()]
    begin = time.process_time()
    for agent in agents:
        await report_host(agent)
    return 1000 * (time.process_time() - begin) / len(agents)


async def main(servers: int = 1000, providers: int = 10_000, hosts: int = 1000) -> None:
    with tempfile.TemporaryDirectory(prefix="pileus-bench-") as folder:
        bench = Bench(Path(folder), hosts)
        await bench.start()
        print(f"GET /servers/detail, a page of {min(servers, 1000)}: {await page_of_servers(bench, servers):7.1f} ms")
        each = await reports(bench)
        print(f"a report of one of {hosts} hosts:           {each:7.2f} ms, so {each * hosts / 60_000:.1%} of a core each minute")
        same, changed = await candidates(bench, providers)
        print(f"candidates over {providers} providers:      {same:7.1f} ms, {changed:.1f} ms with a claim before")
        await bench.cloud.stop()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
