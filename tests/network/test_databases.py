"""Two control planes on one PostgreSQL or MySQL: what one decides in a transaction, the other cannot decide otherwise."""

import asyncio

import pytest

from pileus.core.bus import Loopback
from pileus.core.clock import Clock
from pileus.core.context import CLOUD, Context
from pileus.core.db import METADATA, Database
from pileus.core.errors import CloudError
from pileus.core.ids import Ids
from pileus.core.kit import Kit
from pileus.core.metrics import Metrics
from pileus.core.periodic import Ticker
from pileus.core.policy import Policy
from pileus.core.saga import Sagas
from pileus.network import addressing, ipam
from pileus.network.config import NetworkConfig
from pileus.network.model import NetworkCreate, PortCreate, SecurityGroupCreate, SubnetCreate
from pileus.network.policy import DEFAULTS
from pileus.network.service import Network

pytestmark = [pytest.mark.database, pytest.mark.realtime]


async def control_plane(url: str, name: str, *, fresh: bool = False, **options) -> Network:
    db = await Database.open(url)
    if fresh:
        await db.run_sync(METADATA.drop_all)
        await db.create_schema()
    clock, ids = Clock(), Ids()
    kit = Kit(db=db, bus=Loopback(strict=True), clock=clock, ids=ids, sagas=Sagas(db, clock, ids, name), ticker=Ticker(clock, ids),
              policy=Policy(DEFAULTS), metrics=Metrics())
    return Network(kit, NetworkConfig(**options))


async def persistently(call):
    """What the HTTP side does with an error that may pass."""
    while True:
        try:
            return await call()
        except CloudError as problem:
            if not problem.temporary:
                return problem


async def test_no_address_is_given_twice(database_url):
    planes = [await control_plane(database_url, "a", fresh=True), await control_plane(database_url, "b")]
    network = await planes[0].networks.create(CLOUD, NetworkCreate(project_id="p"))
    subnet = await planes[0].subnets.create(
        CLOUD, SubnetCreate(network_id=network.id, project_id="p", cidr="10.0.0.0/26", enable_dhcp=False)
    )
    order = PortCreate(network_id=network.id, project_id="p")

    async def churn(plane):
        made = []
        for turn in range(12):
            port = await persistently(lambda: plane.ports.create(CLOUD, order))
            if not isinstance(port, CloudError):
                made.append(port)
            if turn % 3 == 2:
                gone = made.pop(0)
                await persistently(lambda gone=gone: plane.ports.delete(CLOUD, gone.id))
        return made

    ports = [port for made in await asyncio.gather(*(churn(plane) for plane in planes * 3)) for port in made]
    stores = planes[0].stores
    used = {address.ip: address.port_id for address in await stores.addresses.of_subnet(subnet.id)}
    assert used == {port.addresses[0].ip: port.id for port in ports} and len(used) == len(ports) == 48
    free = {n for first, last in await stores.addresses.free_ranges(subnet) for n in range(first, last + 1)}
    pools = addressing.ranges_of(subnet.allocation_pools)
    assert len(free) == ipam.size(await stores.addresses.free_ranges(subnet)) == ipam.size(pools) - 48
    assert free.isdisjoint(map(addressing.number, used))
    for plane in planes:
        await plane.kit.db.close()


async def test_quotas_hold_against_everybody_at_once(database_url):
    planes = [await control_plane(database_url, name, fresh=name == "a", quota_port=5, quota_security_group=4) for name in ("a", "b")]
    network = await planes[0].networks.create(CLOUD, NetworkCreate(project_id="p"))
    who = Context(user_id="u", project_id="q", roles=frozenset({"member", "reader"}))
    order = PortCreate(network_id=network.id, project_id="p")
    answers = await asyncio.gather(*(persistently(lambda plane=plane: plane.ports.create(CLOUD, order)) for plane in planes * 6))
    assert sum(not isinstance(answer, CloudError) for answer in answers) == 5
    # The first group of a project makes the default one, once.
    names = iter("abcdefgh")
    await asyncio.gather(
        *(persistently(lambda plane=plane: plane.groups.create(who, SecurityGroupCreate(name=next(names)))) for plane in planes * 2)
    )
    groups = await planes[1].groups.list(who)
    assert sum(group.name == "default" for group in groups) == 1 and len(groups) == 4
    for plane in planes:
        await plane.kit.db.close()


async def test_what_hosts_are_told_is_the_same_everywhere(database_url):
    plane = await control_plane(database_url, "a", fresh=True)
    network = await plane.networks.create(CLOUD, NetworkCreate(project_id="p"))
    await plane.subnets.create(CLOUD, SubnetCreate(network_id=network.id, project_id="p", cidr="10.0.0.0/24"))
    port = await plane.create_server_port(
        "11111111-1111-4111-8111-111111111111", network.id, project_id="p", device_id="s", device_owner="compute:x", host="h"
    )
    (wanted,) = [state for _, state in (await plane.wanted.build(["h"])).values()]
    assert [p.id for p in wanted.ports] == [port.id] and wanted.members == {port.security_groups[0]: (port.addresses[0].ip,)}
    views = await plane.ports_of_devices(["s"])
    assert views["s"][0].security_groups == ("default",) and views["s"][0].network_name == ""
    await plane.kit.db.close()
