"""Every saga of compute, interrupted in every way: it ends complete or clean."""

import asyncio

import pytest

from pileus.compute.sagas.create_server import CREATE_SERVER
from pileus.compute.sagas.delete_server import DELETE_SERVER
from pileus.compute.sagas.interfaces import ATTACH_INTERFACE, DETACH_INTERFACE
from pileus.compute.sagas.power import CHANGE_POWER
from tests.cloud import TestCloud
from tests.sagas import arm, interrupted, interruptions, settle


def sabotage(cloud: TestCloud, saga, cut) -> None:
    """Have the conductor carry out the saga with the interruption built in."""
    sagas = cloud.cloud.kit.sagas
    sagas.register(interrupted(saga, cut), cloud.cloud.services.compute.conductor)
    arm(sagas, saga, cut)


@pytest.mark.parametrize("cut", interruptions(CREATE_SERVER), ids=str)
async def test_create(cloud, cut):
    network = await cloud.network()
    sabotage(cloud, CREATE_SERVER, cut)
    id = (await cloud.order(networks=[{"uuid": network}])).json["server"]["id"]
    await settle(cloud.cloud.kit.sagas)
    await cloud.settle()
    server = await cloud.show(id)
    if cut.how in ("before", "after"):
        assert server["status"] == "ERROR" and server["OS-EXT-STS:task_state"] is None and server["fault"]["message"]
        await cloud.assert_clean()
    else:
        assert server["status"] == "ACTIVE"
        await cloud.assert_clean(servers={id})
    await (await cloud.as_()).delete(f"/compute/v2.1/servers/{id}")
    await cloud.settle()
    await cloud.assert_clean()


@pytest.mark.parametrize("cut", [c for c in interruptions(DELETE_SERVER) if c.how not in ("before", "after")], ids=str)
async def test_delete(cloud, cut):
    id = await cloud.boot(networks=[{"uuid": await cloud.network()}])
    sabotage(cloud, DELETE_SERVER, cut)
    await (await cloud.as_()).delete(f"/compute/v2.1/servers/{id}")
    await settle(cloud.cloud.kit.sagas)
    await cloud.settle()
    assert await cloud.show(id) is None
    await cloud.assert_clean()


@pytest.mark.parametrize("cut", [c for c in interruptions(DELETE_SERVER) if c.how in ("before", "after")], ids=str)
async def test_a_delete_that_broke_is_begun_anew(cloud, cut):
    id = await cloud.boot(networks=[{"uuid": await cloud.network()}])
    sabotage(cloud, DELETE_SERVER, cut)
    await (await cloud.as_()).delete(f"/compute/v2.1/servers/{id}")
    await cloud.settle()
    cloud.cloud.kit.sagas.register(DELETE_SERVER, cloud.cloud.services.compute.conductor)
    await cloud.settle(600)
    assert await cloud.show(id) is None
    await cloud.assert_clean()


@pytest.mark.parametrize("cut", interruptions(CHANGE_POWER), ids=str)
async def test_power(cloud, cut):
    id = await cloud.boot()
    sabotage(cloud, CHANGE_POWER, cut)
    await cloud.act(id, "os-stop")
    await settle(cloud.cloud.kit.sagas)
    await cloud.settle(200)
    server = await cloud.show(id)
    assert server["OS-EXT-STS:task_state"] is None
    # Whatever the saga came to, the audit of the host makes the record what the guest is.
    assert server["status"] == ("ACTIVE" if cut.how == "before" else "SHUTOFF")
    await cloud.assert_clean(servers={id})


@pytest.mark.parametrize("cut", interruptions(ATTACH_INTERFACE), ids=str)
async def test_attach(cloud, cut):
    id = await cloud.boot()
    sabotage(cloud, ATTACH_INTERFACE, cut)
    member = await cloud.as_()
    wanted = {"interfaceAttachment": {"net_id": await cloud.network()}}
    asking = asyncio.ensure_future(member.post(f"/compute/v2.1/servers/{id}/os-interface", wanted))
    await asyncio.wait([asking], timeout=1)
    await settle(cloud.cloud.kit.sagas)
    await cloud.settle()
    found = (await member.get(f"/compute/v2.1/servers/{id}/os-interface")).json["interfaceAttachments"]
    assert len(found) == (0 if cut.how in ("before", "after") else 1)
    await cloud.assert_clean(servers={id})


@pytest.mark.parametrize("cut", [c for c in interruptions(DETACH_INTERFACE) if c.how not in ("before", "after")], ids=str)
async def test_detach(cloud, cut):
    id = await cloud.boot(networks=[{"uuid": await cloud.network()}])
    sabotage(cloud, DETACH_INTERFACE, cut)
    member = await cloud.as_()
    (port,) = (await member.get(f"/compute/v2.1/servers/{id}/os-interface")).json["interfaceAttachments"]
    await member.delete(f"/compute/v2.1/servers/{id}/os-interface/{port['port_id']}")
    await settle(cloud.cloud.kit.sagas)
    await cloud.settle()
    assert (await member.get(f"/compute/v2.1/servers/{id}/os-interface")).json["interfaceAttachments"] == []
    await cloud.assert_clean(servers={id})
