"""Hosts are told what changed, and only those that are affected; agents apply the newest state, one at a time."""

import asyncio

import pytest

from pileus.core.bus import HostUnreachable
from pileus.core.errors import CloudError
from pileus.network.datapath.base import HostNetworks, Network
from pileus.network.interface import NetworkAgent
from tests.network.lab import V2, Lab
from tests.network.reach import reaches


async def told(lab, host="h1"):
    """How often a host has been told something."""
    return lab.agents[host].generation


async def test_only_affected_hosts_are_told():
    async with Lab("h1", "h2", "h3") as lab:
        network = await lab.network()
        await lab.guest(network, "h1")
        await lab.guest(network, "h2")
        alone = await lab.network(by=lab.as_(project="p2"))
        await lab.guest(alone, "h3", project="p2")
        await lab.settle()
        before = {host: await told(lab, host) for host in lab.host_names}
        port = await lab.port(network)                                       # in the default group, whose members h1 and h2 let in
        await lab.settle()
        after = {host: await told(lab, host) for host in lab.host_names}
        assert after["h1"] > before["h1"] and after["h2"] > before["h2"] and after["h3"] == before["h3"]
        assert port["fixed_ips"][0]["ip_address"] in lab.wanted("h2").members[port["security_groups"][0]]
        assert lab.wanted("h2").networks[0].dhcp_port is None and lab.wanted("h1").networks[0].dhcp_port is not None


async def test_ossa_2015_021_rules_reach_guests_that_run():
    """A change of a group counts for servers that run already."""
    async with Lab("h1", "h2") as lab:
        network = await lab.network()
        group = await lab.make("security-groups", "security_group", name="g")
        other = await lab.make("security-groups", "security_group", name="o")
        a = await lab.guest(network, "h2", security_groups=["g"])
        b = await lab.guest(network, "h2", security_groups=["o"])
        assert not reaches(lab.wanted("h2"), b, a, "tcp", 22)
        body = {
            "security_group_id": group["id"],
            "direction": "ingress",
            "protocol": "tcp",
            "port_range_min": 22,
            "port_range_max": 22,
        }
        rule = await lab.make("security-group-rules", "security_group_rule", **body, remote_group_id=other["id"])
        await lab.settle()
        assert reaches(lab.wanted("h2"), b, a, "tcp", 22) and not reaches(lab.wanted("h2"), b, a, "tcp", 23)
        await lab.as_().delete(f"{V2}/security-group-rules/{rule['id']}")
        await lab.settle()
        assert not reaches(lab.wanted("h2"), b, a, "tcp", 22)


async def test_a_member_that_leaves_is_forgotten_everywhere():
    async with Lab("h1", "h2") as lab:
        network = await lab.network()
        a, b = await lab.guest(network, "h1"), await lab.guest(network, "h2")
        await lab.settle()
        group = lab.wanted("h1").groups[0].id
        assert len(lab.wanted("h1").members[group]) == len(lab.wanted("h2").members[group]) == 2
        await lab.net.delete_port(b)
        await lab.settle()
        assert (
            len(lab.wanted("h1").members[group]) == 1
            and lab.wanted("h2").ports == ()
            and [p.id for p in lab.wanted("h1").ports] == [a]
        )


async def test_hosts_of_one_network_know_each_other():
    async with Lab() as lab:
        for i, host in enumerate(("a", "b", "c"), 1):
            await lab.add_host(host, underlay=f"192.0.2.{i}")
        network = await lab.network()
        await lab.guest(network, "a")
        assert lab.wanted("a").networks[0].peers == ()                        # the network host of this lab has no underlay address
        await lab.guest(network, "b")
        await lab.settle()
        (on_a,), (on_b,) = lab.wanted("a").networks, lab.wanted("b").networks
        assert on_a.peers == ("192.0.2.2",) and on_b.peers == ("192.0.2.1",) and on_a.segmentation_id == on_b.segmentation_id > 0
        seen = (await lab.admin.get(f"{V2}/networks/{network['id']}")).json["network"]
        assert on_a.segmentation_id == seen["provider:segmentation_id"]
        for port in await lab.net.stores.ports.whole():
            if port.host == "b":
                await lab.net.delete_port(port.id)
        await lab.settle()
        assert lab.wanted("a").networks[0].peers == () and lab.wanted("a").networks[0].segmentation_id is None


async def test_ports_that_are_not_wired_are_down():
    async with Lab() as lab:
        network = await lab.network()
        good = await lab.guest(network)
        bad = lab.kit.ids.uuid()
        lab.datapaths["h1"].fails = {f"port:{bad}"}
        await lab.net.create_server_port(bad, network["id"], project_id="p1", device_id="s", device_owner="compute:nova", host="h1")
        assert await lab.net.wire("h1") == {good}
        status = {p["id"]: p["status"] for p in (await lab.as_().get(f"{V2}/ports")).json["ports"]}
        assert status[good] == "ACTIVE" and status[bad] == "DOWN"
        lab.datapaths["h1"].fails = set()
        assert await lab.net.wire("h1") == {good, bad}
        assert (await lab.as_().get(f"{V2}/ports/{bad}")).json["port"]["status"] == "ACTIVE"
        await lab.as_().put(f"{V2}/ports/{good}", {"port": {"admin_state_up": False}})
        await lab.settle()
        assert (await lab.as_().get(f"{V2}/ports/{good}")).json["port"]["status"] == "DOWN"


async def test_a_silent_agent_is_noticed_and_welcomed_back():
    async with Lab() as lab:
        network = await lab.network()
        port = await lab.guest(network)
        agent = lab.agents.pop("h1")
        await agent.stop()
        await lab.kit.clock.sleep(lab.config.agent_down_s + 1)
        assert await lab.net.agents.check() == "1 went down"
        assert (await lab.as_().get(f"{V2}/ports/{port}")).json["port"]["status"] == "DOWN"
        (shown,) = (await lab.admin.get(f"{V2}/agents")).json["agents"]
        assert shown["alive"] is False
        with pytest.raises(HostUnreachable):
            await lab.net.wire("h1")
        lab.datapaths["h1"].wanted = HostNetworks()                          # the host was restarted and has nothing
        await lab.add_host("h1")
        await lab.settle()
        assert [p.id for p in lab.wanted().ports] == [port]
        assert (await lab.as_().get(f"{V2}/ports/{port}")).json["port"]["status"] == "ACTIVE"


async def test_the_next_host_takes_over_routers_and_dhcp():
    async with Lab("h1", "h2") as lab:
        network = await lab.network()
        await lab.router(*network["subnets"])
        await lab.settle()
        assert len(lab.wanted("h1").routers) == 1 and lab.wanted("h2").routers == ()
        await lab.agents.pop("h1").stop()
        await lab.kit.clock.sleep(lab.config.agent_down_s + 1)
        await lab.net.agents.check()
        await lab.settle()
        assert len(lab.wanted("h2").routers) == 1 and lab.wanted("h2").networks[0].dhcp_port is not None
        await lab.add_host("h1")                                             # the oldest one is back, and the other lets go
        await lab.settle()
        assert len(lab.wanted("h1").routers) == 1 and lab.wanted("h2").routers == ()


async def test_many_wires_of_one_host_are_few_applies():
    async with Lab() as lab:
        network = await lab.network()
        lab.datapaths["h1"].delays["apply"] = 1.0
        ids = [lab.kit.ids.uuid() for _ in range(10)]

        async def boot(id):
            await lab.net.create_server_port(
                id, network["id"], project_id="p1", device_id=id, device_owner="compute:nova", host="h1"
            )
            return id in await lab.net.wire("h1")

        began = lab.kit.clock.monotonic()
        assert all(await asyncio.gather(*(boot(id) for id in ids)))
        assert lab.kit.clock.monotonic() - began < 4


async def test_a_slow_host_keeps_no_other_waiting():
    async with Lab("h1", "h2") as lab:
        network = await lab.network()
        lab.datapaths["h1"].delays["apply"] = 30.0
        slow = asyncio.create_task(lab.net.wire("h1"))
        await asyncio.sleep(0)
        began = lab.kit.clock.monotonic()
        await lab.guest(network, "h2")
        assert lab.kit.clock.monotonic() - began < 1
        await slow


async def test_an_older_state_is_not_applied():
    async with Lab() as lab:
        await lab.settle()
        agent, datapath = lab.agents["h1"], lab.datapaths["h1"]
        old, new = HostNetworks(), HostNetworks(networks=(Network(id="n"),))
        far = agent.generation + 1000
        datapath.delays["apply"] = 5.0
        first, second = asyncio.create_task(agent.apply(far + 2, new)), asyncio.create_task(agent.apply(far + 1, old))
        await asyncio.gather(first, second)
        assert datapath.wanted == new and agent.generation == far + 2


async def test_a_datapath_that_fails_is_tried_again():
    async with Lab() as lab:
        network = await lab.network()
        lab.datapaths["h1"].fails = {"apply"}
        port = lab.kit.ids.uuid()
        await lab.net.create_server_port(
            port, network["id"], project_id="p1", device_id="s", device_owner="compute:nova", host="h1"
        )
        assert await lab.net.wire("h1") == frozenset()
        lab.datapaths["h1"].fails = set()
        assert await lab.net.sync.resync() == "1 hosts"
        await lab.settle()
        assert (await lab.as_().get(f"{V2}/ports/{port}")).json["port"]["status"] == "ACTIVE"


async def test_what_others_broke_is_mended_and_a_bug_does_not_silence_the_agent():
    async with Lab() as lab:
        port = await lab.guest(await lab.network())
        await lab.settle()
        datapath, apply = lab.datapaths["h1"], lab.datapaths["h1"].apply

        async def broken(wanted):
            raise RuntimeError("a bug")

        datapath.apply, datapath.wanted = broken, HostNetworks()
        await lab.kit.clock.sleep(lab.config.agent_down_s * 2)
        (shown,) = (await lab.admin.get(f"{V2}/agents")).json["agents"]
        assert shown["alive"] is True and lab.wanted() == HostNetworks()
        datapath.apply = apply
        await lab.kit.clock.sleep(lab.config.report_interval_s + 1)
        assert [p.id for p in lab.wanted().ports] == [port]


async def test_clear_removes_everything():
    async with Lab() as lab:
        port = await lab.guest(await lab.network())
        await lab.settle()
        await NetworkAgent.at("h1", lab.kit.bus).clear()
        assert lab.wanted() == HostNetworks()
        await lab.kit.clock.sleep(lab.config.report_interval_s + 1)
        assert lab.wanted() == HostNetworks()
        assert await lab.net.wire("h1") == {port}


async def test_stopping_answers_those_who_wait():
    async with Lab() as lab:
        lab.datapaths["h1"].delays["apply"] = 100.0
        waiting = asyncio.create_task(lab.net.wire("h1"))
        await asyncio.sleep(0.1)
        await lab.net.sync.stop()
        with pytest.raises(CloudError):
            await waiting
