"""A host that dies in the middle of each operation: nothing hangs for good, whether it comes back or its servers are evacuated."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools

import pytest

from tests.cloud import TestCloud
from tests.compute.test_verbs_at_once import meanwhile
from tests.compute.verbs import VERBS, Verb, a_cloud, ready

COMPUTE = "/compute/v2.1"
#: Longer than a host may be silent before it counts as down.
LONG = 200


async def die(cloud: TestCloud, host: str) -> None:
    """The host answers nobody and reports nothing; what it has stays on it."""
    cloud.drivers[host].fails.add("inventory")
    await cloud.cloud.hosts[host].compute.stop()


async def come_back(cloud: TestCloud, host: str) -> None:
    cloud.drivers[host].fails.discard("inventory")
    await cloud.cloud.hosts[host].compute.start()


async def struck(cloud: TestCloud, verb: Verb, step: int, when: str) -> tuple[str, str]:
    """A server in the middle of an operation, whose host has died; and that host."""
    cloud.tokens.clear()                    # those of the moment before are old
    id = await ready(cloud, verb)
    host = (await cloud.show(id))["OS-EXT-SRV-ATTR:host"]
    if host is None:                        # it is shelved: the host it is going to dies
        host = ""

    async def strike():
        await die(cloud, host or (await cloud.show(id))["OS-EXT-SRV-ATTR:host"] or "h1-0001")

    cloud.cloud.kit.sagas.register(meanwhile(verb.saga, step, when, strike), cloud.cloud.services.compute.conductor)
    await verb.order(cloud, id)
    await cloud.settle(LONG)
    cloud.cloud.kit.sagas.register(verb.saga, cloud.cloud.services.compute.conductor)
    return id, next((name for name, driver in cloud.drivers.items() if "inventory" in driver.fails), host)


def moments(verb: Verb):
    return itertools.product(range(len(verb.saga.steps)), ("before", "after"))


@pytest.mark.parametrize("verb", VERBS, ids=str)
async def test_a_host_that_comes_back(verb: Verb):
    async with a_cloud(verb) as cloud:
        for step, when in moments(verb):
            id, host = await struck(cloud, verb, step, when)
            await come_back(cloud, host)
            await cloud.settle(LONG)
            server = await cloud.show(id)
            assert await cloud.cloud.kit.sagas.open() == [], (step, when)
            assert server["OS-EXT-STS:task_state"] is None, (step, when, server)
            await (await cloud.as_()).delete(f"{COMPUTE}/servers/{id}")
            await cloud.settle(LONG)
            await cloud.assert_clean()


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb.hosts > 1], ids=str)
async def test_a_host_that_is_evacuated(verb: Verb):
    async with a_cloud(verb) as cloud:
        for step, when in moments(verb):
            id, host = await struck(cloud, verb, step, when)
            server = await cloud.show(id)
            if server["OS-EXT-SRV-ATTR:host"] == host:
                if server["OS-EXT-STS:task_state"] is not None or server["status"] not in ("ACTIVE", "SHUTOFF", "ERROR"):
                    assert (await cloud.act(id, "os-resetState", {"state": "error"}, cloud="pileus-admin")).status == 202
                got = await cloud.act(id, "evacuate", {}, cloud="pileus-admin", version="2.94")
                assert got.status == 200, (step, when, got.text)
                await cloud.settle(LONG)
                server = await cloud.show(id)
                assert server["status"] in ("ACTIVE", "SHUTOFF") and server["OS-EXT-SRV-ATTR:host"] != host, (step, when, server)
            assert await cloud.cloud.kit.sagas.open() == [], (step, when)
            assert server["OS-EXT-STS:task_state"] is None, (step, when, server)
            await come_back(cloud, host)
            await cloud.settle(LONG)
            after = await cloud.show(id)
            assert {key: after[key] for key in ("status", "OS-EXT-SRV-ATTR:host")} == \
                {key: server[key] for key in ("status", "OS-EXT-SRV-ATTR:host")}, (step, when)
            await (await cloud.as_()).delete(f"{COMPUTE}/servers/{id}")
            await cloud.settle(LONG)
            await cloud.assert_clean()


@pytest.mark.parametrize("step, when", [(2, "before"), (2, "after"), (3, "before"), (3, "after"), (4, "before")])
async def test_a_host_that_resized_a_server_in_place_and_is_evacuated(step, when):
    """What its host alone could take back is not taken back behind the back of whoever evacuated the server."""
    async with TestCloud(hosts=2, compute={"allow_resize_to_same_host": True}) as cloud:
        verb = next(verb for verb in VERBS if verb.name == "resize-here")
        admin = (await cloud.as_("pileus-admin")).with_headers(OpenStack_API_Version="compute 2.53")
        id = await ready(cloud, verb)
        here = (await cloud.show(id))["OS-EXT-SRV-ATTR:host"]
        services = {s["host"]: s["id"] for s in (await admin.get(f"{COMPUTE}/os-services?binary=nova-compute")).json["services"]}
        other = next(name for name in cloud.drivers if name != here)
        assert (await admin.put(f"{COMPUTE}/os-services/{services[other]}", {"status": "disabled"})).status == 200
        await cloud.settle(10)

        async def strike():
            await die(cloud, here)

        cloud.cloud.kit.sagas.register(meanwhile(verb.saga, step, when, strike), cloud.cloud.services.compute.conductor)
        await verb.order(cloud, id)
        await cloud.settle(LONG)
        assert (await admin.put(f"{COMPUTE}/os-services/{services[other]}", {"status": "enabled"})).status == 200
        await cloud.settle(10)
        assert (await cloud.act(id, "os-resetState", {"state": "error"}, cloud="pileus-admin")).status == 202
        got = await cloud.act(id, "evacuate", {}, cloud="pileus-admin", version="2.94")
        assert got.status == 200, got.text
        await cloud.settle(30)
        server = await cloud.show(id)
        assert (server["status"], server["OS-EXT-SRV-ATTR:host"], server["OS-EXT-STS:task_state"]) == ("ACTIVE", other, None)
        assert await cloud.cloud.kit.sagas.open() == []
        await come_back(cloud, here)
        await cloud.settle(LONG)
        assert (await cloud.show(id))["OS-EXT-SRV-ATTR:host"] == other
        await cloud.assert_clean(servers={id})
