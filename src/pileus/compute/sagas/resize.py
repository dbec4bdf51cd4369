"""Resize a server, or migrate it cold: it is stopped, its disks move or change, it starts, and waits to be confirmed.

Until then the guest as it was is kept where it was (or by the driver, on the same host), and placement holds room for it in the
migration's name. Who named a destination, and which flavor it is to have, stands in the migration's row.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec
from msgspec.structs import replace

from pileus.compute.errors import NoValidHost
from pileus.compute.hypervisor.base import ABILITIES, GuestNotFound, Moves, Power, Resizes
from pileus.compute.model.flavor import Flavor
from pileus.compute.model.migration import OPEN, Migration
from pileus.compute.model.server import ACTIVE, RESIZED, Server
from pileus.compute.sagas.conductor import Conductor
from pileus.compute.sagas.guest import bind_ports, end_guest, guest_spec, moved, power_again, power_as, shutdown_s
from pileus.core.errors import CloudError, NotFound
from pileus.core.saga import Saga, Step

TASKS = ("resize_prep", "resize_migrating", "resize_migrated", "resize_finish")


class Resize(msgspec.Struct, kw_only=True):
    server_id: str
    request_id: str
    migration: str
    destination: str | None = None          # a host that an administrator named


async def choose(s: Resize, c: Conductor) -> None:
    """Find a host and hold room on it, beside what is held where the server is."""
    server, m = await moving(s, c)
    assert m.source_host is not None
    wanted = replace(server, flavor=m.new_flavor)
    elsewhere = m.type == "migration" or not c.config.allow_resize_to_same_host
    ignore = frozenset({m.source_host}) if elsewhere else frozenset()
    ranked = await c.scheduling.rank(wanted, ignore=ignore, destination=s.destination)
    hosts = {h.host: h for h in await c.scheduling.hosts.all()}
    able = [choice for choice in ranked if _can(set(hosts[choice.host].inventory.traits), m.source_host == choice.host)]
    if not able:
        raise NoValidHost(reason="No host can take the server's disks.")
    chosen = await c.moving.hold(wanted, m.uuid, able)
    await c.migrations.update(m.uuid, c.now(), status="migrating", dest_host=chosen.host, dest_host_id=chosen.id,
                              dest_node=hosts[chosen.host].inventory.hypervisor_hostname)


def _can(traits: set[str], same_host: bool) -> bool:
    return ABILITIES[Resizes if same_host else Moves] in traits


async def give_back(s: Resize, c: Conductor) -> None:
    if found := await to_take_back(s, c):
        await c.moving.give_back(found[0], s.migration)


async def stop(s: Resize, c: Conductor) -> None:
    server, m = await moving(s, c)
    assert m.source_host is not None
    await c.servers.end_task(server.id, c.now(), "resize_prep", to="resize_migrating")
    await c.agent(m.source_host).power(server.id, Power.SHUTDOWN, shutdown_s(server) if m.old_vm_state == ACTIVE else 0.0)


async def start_again(s: Resize, c: Conductor) -> None:
    if found := await to_take_back(s, c):
        server, m = found
        await power_again(server, m.old_vm_state, m.source_host or "", c)


async def move(s: Resize, c: Conductor) -> None:
    """The guest as it will be is on the destination, off; the guest as it was is where it was."""
    server, m = await moving(s, c)
    assert m.source_host is not None and m.dest_host is not None
    guest = await guest_spec(replace(server, flavor=m.new_flavor), c)
    if m.same_host:
        await c.agent(m.dest_host).resize(moved(guest, server))
    else:
        await bind_ports(server, m.dest_host, c)
        await c.agent(m.dest_host).receive(moved(guest, server), m.source_host)


async def move_back(s: Resize, c: Conductor) -> None:
    found = await to_take_back(s, c)
    if found and found[1].dest_host is not None:
        await take_back(*found, c)


async def take_back(server: Server, m: Migration, c: Conductor) -> None:
    """The guest is what and where it was, off, and so are its ports."""
    assert m.source_host is not None and m.dest_host is not None
    if not m.same_host:
        await end_guest(server.id, m.dest_host, c)
        await bind_ports(server, m.source_host, c)
        return
    try:
        await c.agent(m.source_host).revert_resize(server.id)
    except GuestNotFound:
        return                                         # there is nothing to take back


async def start(s: Resize, c: Conductor) -> None:
    """The server is on the destination, with its new flavor, and runs if it ran."""
    server, m = await moving(s, c)
    assert m.dest_host is not None and m.dest_host_id is not None
    await settle(server, m.dest_host, m.dest_host_id, m.new_flavor, c)
    await c.servers.end_task(server.id, c.now(), "resize_migrating", to="resize_finish")
    await power_as(server, m.old_vm_state, m.dest_host, c)


async def unsettle(s: Resize, c: Conductor) -> None:
    if found := await to_take_back(s, c):
        server, m = found
        await settle(server, m.source_host or "", m.source_host_id, m.old_flavor, c)


async def settle(server: Server, host: str, host_id: str | None, flavor: Flavor, c: Conductor) -> None:
    zone = await c.scheduling.hosts.zone_of(host)
    await c.servers.update(server.id, c.now(), host=host, host_id=host_id, availability_zone=zone, flavor=flavor, flavor_id=flavor.id,
                           vcpus=flavor.vcpus, memory_mb=flavor.memory_mb)


async def finish(s: Resize, c: Conductor) -> None:
    server, m = await c.server(s.server_id), await c.migrations.find(s.migration)
    if server is None or m is None:
        return
    power = Power.RUNNING if m.old_vm_state == ACTIVE else Power.SHUTDOWN
    await c.servers.end_task(server.id, c.now(), "resize_finish", vm_state=RESIZED, power_state=int(power), launched_at=c.now(), fault=None)
    await c.migrations.update(m.uuid, c.now(), status="finished")
    await c.actions.finish(s.request_id, server.id)


async def unfinish(s: Resize, c: Conductor) -> None:
    if found := await to_take_back(s, c):
        await c.servers.begin(s.server_id, c.now(), task="resize_finish", allowed={RESIZED}, vm_state=found[1].old_vm_state)


async def failed(s: Resize, c: Conductor, error: CloudError) -> None:
    """The server is what it was, where it was."""
    m = await c.migrations.find(s.migration)
    if m is not None and m.status in OPEN:
        await c.servers.end_task(s.server_id, c.now(), *TASKS, fault=c.fault(error), vcpus=m.old_flavor.vcpus,
                                 memory_mb=m.old_flavor.memory_mb)
        await c.migrations.update(m.uuid, c.now(), status="error")
    await c.actions.finish(s.request_id, s.server_id, error=str(error))


async def to_take_back(s: Resize, c: Conductor) -> tuple[Server, Migration] | None:
    """What an undo works on. None when the server was deleted meanwhile, or evacuated: then it is not what it was, and stays so."""
    server, m = await c.servers.find(s.server_id), await c.migrations.find(s.migration)
    if server is None or server.deleted_at is not None or m is None or m.status not in OPEN or m.source_host is None:
        return None
    return server, m


async def moving(s: Resize, c: Conductor) -> tuple[Server, Migration]:
    server, m = await c.server(s.server_id), await c.migrations.find(s.migration)
    if server is None or m is None or server.task_state not in TASKS:
        raise NotFound("The server was deleted while it was moved.")
    return server, m


RESIZE = Saga(name="server.resize", state=Resize, failed=failed, abortable=True, steps=[
    Step(choose, undo=give_back),
    Step(stop, undo=start_again),
    Step(move, undo=move_back),
    Step(start, undo=unsettle),
    Step(finish, undo=unfinish),
])
