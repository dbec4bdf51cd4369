"""What is there stays: no needless change, restarts, crashes, and repair of what others broke."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from pileus.core.clock import Clock
from pileus.network.datapath.base import DatapathFailed, HostNetworks
from pileus.network.datapath.linux import Linux, Options, claim, names, security
from pileus.network.datapath.linux.ruleset import Chain
from tests.network.datapath import states
from tests.network.datapath.linux.lab import Lab, needs_root, run
from tests.network.datapath.linux.test_routers import EXTERNAL, FLOATING

pytestmark = needs_root

ROUTER = states.router(1, 1, 2, external=EXTERNAL, floating={FLOATING: "10.21.0.10"}, routes=(("10.99.0.0/16", "10.21.0.10"),))


def everything(guests: int = 2) -> HostNetworks:
    """Two networks with DHCP, guests, VXLAN, a router, a way out and a floating IP."""
    state = states.host(1, 2, guests=guests, dhcp=True)
    first = replace(state.networks[0], segmentation_id=77, peers=("192.0.2.2", "192.0.2.3"))
    return replace(state, networks=(first, state.networks[1], EXTERNAL), routers=(ROUTER,))


OPTIONS = {"underlay": "192.0.2.1", "external_address": {"br-ex": "172.24.4.1/24"}}


@contextlib.asynccontextmanager
async def running(lab: Lab, **options):
    driver = lab.linux(**OPTIONS, **options)
    await driver.start()
    try:
        yield driver
    finally:
        await driver.stop()


def changes(driver: Linux) -> int:
    """How many changes to the kernel and to dnsmasq this driver has made."""
    assert driver.worker
    return driver.worker.kernel.writes + driver.worker.dnsmasq.actions


def servers(lab: Lab) -> dict[str, int]:
    """The pid of dnsmasq by namespace."""
    return {name: int(lab.ip("netns", "pids", name)) for name in lab.spaces() if name.startswith(names.DHCP)}


def test_a_second_apply_changes_nothing(lab: Lab):
    async def go():
        async with running(lab) as driver:
            await driver.apply(everything())
            before = changes(driver)
            await driver.apply(everything())
            assert changes(driver) == before
            await driver.look_again()
            await driver.apply(everything())
            assert changes(driver) == before

    asyncio.run(go())


def test_a_restart_changes_nothing(lab: Lab):
    async def go():
        async with running(lab) as driver:
            await driver.apply(everything())
        there, dhcp = lab.leftovers(), servers(lab)
        assert len(dhcp) == 2
        async with running(lab) as driver:
            await driver.apply(everything())
            assert changes(driver) == 0
        assert (lab.leftovers(), servers(lab)) == (there, dhcp)

    asyncio.run(go())


def test_what_is_remembered_grows_old(lab: Lab):
    """An agent that only ever applies the same state notices in the end what others changed."""
    class Slow(Clock):
        seconds = 0.0

        def monotonic(self) -> float:
            return self.seconds

    clock = Slow()
    forward = names.bridge(states.identity(0xBB, 1))

    async def go():
        async with running(lab, clock=clock, remember_s=60) as driver:
            await driver.apply(everything())
            lab.ip("-n", lab.host, "link", "set", forward, "down")
            await driver.apply(everything())
            assert "state DOWN" in lab.ip("-n", lab.host, "link", "show", forward)
            clock.seconds = 61
            await driver.apply(everything())
            assert "state DOWN" not in lab.ip("-n", lab.host, "link", "show", forward)

    asyncio.run(go())


def test_a_server_of_dhcp_that_died_is_started_by_the_next_apply(lab: Lab):
    async def go():
        async with running(lab) as driver:
            await driver.apply(everything())
            kill_a_server(lab)
            await driver.apply(everything())
            assert servers_alive(servers(lab)) == 2

    asyncio.run(go())


def test_one_more_port_changes_little(lab: Lab):
    async def go():
        async with running(lab) as driver:
            await driver.apply(everything(2))
            before = changes(driver)
            await driver.apply(everything(3))
            # Two networks get one port each: add it, plug it in, tell DHCP; and one transaction of rules.
            assert changes(driver) - before == 2 * 3 + 1

    asyncio.run(go())


def test_flows_outlive_everything_that_does_not_concern_them(lab: Lab):
    state = everything()

    async def go():
        async with running(lab) as driver:
            await driver.apply(state)
            a, b = (lab.guest(port) for port in state.ports[:2])
            server = b.serve_echo(80)
            client = a.popen("busybox", "nc", b.address, "80")
            try:
                for change in (states.host(1, guests=3, dhcp=True), everything(4), state):
                    await driver.apply(change)
                    client.stdin.write(b"still here\n")
                    client.stdin.flush()
                    assert await asyncio.to_thread(client.stdout.readline) == b"still here\n"
            finally:
                for process in (client, server):
                    process.kill()
                    process.wait()

    asyncio.run(go())


BREAK = {
    "a server of DHCP": lambda lab: kill_a_server(lab),
    "a namespace": lambda lab: lab.ip("netns", "del", names.ROUTER + ROUTER.id),
    "a bridge": lambda lab: lab.ip("-n", lab.host, "link", "del", names.bridge(states.identity(0xBB, 1))),
    "an interface of the router": lambda lab: lab.ip("-n", names.ROUTER + ROUTER.id, "link", "del", "qr-" + ROUTER.interfaces[0].id[:11]),
    "the host's rules": lambda lab: run(lab.host, "nft", "flush", "ruleset"),
    "the router's rules": lambda lab: run(names.ROUTER + ROUTER.id, "nft", "flush", "ruleset"),
    "an address": lambda lab: lab.ip("-n", names.ROUTER + ROUTER.id, "addr", "flush", "dev", "qg-" + ROUTER.gateway.port.id[:11]),
    "a port's place": lambda lab: lab.ip("-n", lab.host, "link", "set", states.guest(1, 0).device, "nomaster"),
    "a route": lambda lab: lab.ip("-n", names.ROUTER + ROUTER.id, "route", "flush", "10.99.0.0/16"),
    "a peer of the tunnel": lambda lab: run(
        lab.host, "bridge", "fdb", "del", "00:00:00:00:00:00", "dev", names.tunnel(states.identity(0xBB, 1)), "dst", "192.0.2.2"
    ),
}


def picture(lab: Lab) -> str:
    """Everything there is, without numbers that differ from one to the next."""
    shown = [msgspec.json.decode(lab.ip("-j", "-n", space, what)) for space in (lab.host, *lab.spaces()) for what in ("addr", "route")]
    kept = ("ifname", "master", "mtu", "ifalias", "local", "prefixlen", "dst", "gateway", "dev")

    def simple(value):
        if isinstance(value, dict):
            kids = {key: simple(item) for key, item in value.items() if key in (*kept, "addr_info")}
            return tuple(sorted((key, str(item)) for key, item in kids.items()))
        if not isinstance(value, list):
            return value
        return sorted(str(simple(item)) for item in value if "fe80" not in str(item.get("local", "")))

    rules = [run(space, "nft", "list", "ruleset").stdout for space in (lab.host, *lab.spaces())]
    flood = lab.ip("netns", "exec", lab.host, "bridge", "fdb", "show").splitlines()
    return str(([simple(one) for one in shown], rules, sorted(line for line in flood if "dst" in line)))


@pytest.mark.parametrize("what", BREAK)
def test_what_others_broke_is_mended(lab: Lab, what):
    async def go():
        async with running(lab) as driver:
            await driver.apply(everything())
            whole, dhcp = picture(lab), servers(lab)
            BREAK[what](lab)
            assert picture(lab) != whole or servers_alive(dhcp) < len(dhcp)
            await driver.look_again()
            await driver.apply(everything())
            assert picture(lab) == whole
            assert servers_alive(servers(lab)) == 2

    asyncio.run(go())


def kill_a_server(lab: Lab) -> None:
    """Kill a dnsmasq, and see it dead."""
    name, pid = next(iter(servers(lab).items()))
    os.kill(pid, signal.SIGKILL)
    while servers_alive({name: pid}):
        pass


def servers_alive(pids: dict[str, int]) -> int:
    return sum(Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_text() != "" for pid in pids.values())


def test_everything_is_found_again_without_any_file(lab: Lab):
    async def go():
        async with running(lab) as driver:
            await driver.apply(everything())
        for file in lab.run_folder.rglob("*"):
            if file.is_file():
                file.unlink()
        async with running(lab) as driver:
            await driver.clear()
        assert lab.leftovers() == set()
        assert list(lab.run_folder.iterdir()) == []

    asyncio.run(go())


AGENT = """
import asyncio, msgspec, sys
from pathlib import Path
from pileus.network.datapath.base import HostNetworks
from pileus.network.datapath.linux import Linux, Options

async def go():
    options = Options(tag=sys.argv[1], guest_link="veth", underlay="192.0.2.1", external_address={"br-ex": "172.24.4.1/24"})
    driver = Linux(options, run=Path(sys.argv[2]), host=sys.argv[3])
    await driver.start()
    print("ready", flush=True)
    for line in sys.stdin:
        await driver.apply(msgspec.json.decode(line, type=HostNetworks))
        print("done", flush=True)

asyncio.run(go())
"""


def test_an_agent_that_is_killed_leaves_nothing_that_nobody_claims(lab: Lab):
    """kill -9 at different moments of an apply; the next agent finishes, and clear removes everything."""
    state = msgspec.json.encode(everything())
    tag = lab.linux().options.tag
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for after_ms in (2, 8, 20, 40, 60, 90, 130):
        command = [sys.executable, "-c", AGENT, tag, str(lab.run_folder), lab.host]
        agent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        assert agent.stdin and agent.stdout and agent.stdout.readline() == b"ready\n"
        agent.stdin.write(state + b"\n")
        agent.stdin.flush()
        with contextlib.suppress(subprocess.TimeoutExpired):
            agent.wait(after_ms / 1000)
        agent.kill()
        agent.wait()

        async def go(finish: bool):
            async with running(lab) as driver:
                if finish:
                    assert len(await driver.apply(everything())) == 4
                await driver.clear()
            assert lab.leftovers() == set()

        asyncio.run(go(finish=after_ms % 20 != 0))              # else straight to clear


def test_a_broken_part_keeps_the_rest(lab: Lab):
    """A DHCP server that cannot start, a device whose name is taken: reported, and everybody else has their network."""
    state = everything()
    port = replace(state.networks[0].dhcp_port, mac="not a mac")
    broken = replace(state, networks=(replace(state.networks[0], dhcp_port=port), *state.networks[1:]))

    async def go():
        async with running(lab) as driver:
            with pytest.raises(DatapathFailed) as failure:
                await driver.apply(broken)
            assert failure.value.wired == {port.id for port in state.ports}
            a, b = (lab.guest(port) for port in state.ports[2:])
            assert a.pings(b.address)
            assert await driver.apply(state) == {port.id for port in state.ports}

    asyncio.run(go())


def test_rules_that_cannot_be_loaded_let_nobody_in(lab: Lab, monkeypatch):
    """Without its rules a new port would be open: it is not plugged in. Those that are in go on."""
    state = states.host(1, guests=1)
    more = states.host(1, guests=2)

    async def go():
        async with running(lab) as driver:
            await driver.apply(state)
            with monkeypatch.context() as patch:
                patch.setattr(security, "SHARED", security.SHARED | {"extra": Chain(("this is no rule",))})
                with pytest.raises(DatapathFailed) as failure:
                    await driver.apply(more)
            assert failure.value.wired == {state.ports[0].id}
            assert more.ports[1].device not in lab.leftovers()
            assert await driver.apply(more) == {port.id for port in more.ports}

    asyncio.run(go())


def test_a_state_that_makes_no_sense_changes_nothing(lab: Lab):
    state = states.host(1)
    nonsense = replace(state, ports=(replace(state.ports[0], mac="x"),))

    async def go():
        async with running(lab) as driver:
            await driver.apply(state)
            there = lab.leftovers()
            with pytest.raises(DatapathFailed):
                await driver.apply(nonsense)
            assert lab.leftovers() == there

    asyncio.run(go())


def test_a_cancelled_apply_is_followed_by_the_next(lab: Lab):
    async def go():
        async with running(lab) as driver:
            first = asyncio.create_task(driver.apply(everything()))
            await asyncio.sleep(0.01)
            first.cancel()
            assert await driver.apply(states.host(1)) == {states.guest(1, 0).id}
            there = lab.leftovers()
            await driver.look_again()
            await driver.apply(states.host(1))
            assert lab.leftovers() == there

    asyncio.run(go())


def test_a_bridge_of_somebody_else_is_used_and_left(lab: Lab):
    lab.ip("-n", lab.host, "link", "add", "br-ex", "type", "bridge")
    lab.ip("-n", lab.host, "addr", "add", "192.0.2.77/24", "dev", "br-ex")

    async def go():
        async with running(lab) as driver:
            await driver.apply(everything())
            shown = lab.ip("-n", lab.host, "addr", "show", "br-ex")
            assert "192.0.2.77" in shown and "172.24.4.1" not in shown
            before = changes(driver)
            await driver.apply(everything())
            assert changes(driver) == before
            await driver.clear()
        assert lab.leftovers() == {"br-ex"}

    asyncio.run(go())


def test_one_agent_at_a_time(lab: Lab, monkeypatch):
    """A second agent of the same cloud waits for the first to let go, and says so when it does not."""
    async def go():
        async with running(lab) as first:
            await first.apply(states.host(1))
            waiting = asyncio.create_task(lab.linux().start())
            await asyncio.sleep(0.1)
            assert not waiting.done()
            waiting.cancel()
            monkeypatch.setattr(claim, "WAIT_S", 0.1)
            with pytest.raises(DatapathFailed, match="another agent"):
                await lab.linux().start()
        monkeypatch.undo()
        async with running(lab) as second:
            await second.apply(states.host(1))

    asyncio.run(go())


def test_the_tag_is_checked():
    for tag in ("", "A", "one two", "x" * 21, "a:b", "é"):
        with pytest.raises(ValueError, match="tag"):
            Linux(Options(tag=tag))
