"""Move a server to another host while it runs.

Until the source says that all of it has been sent, the guest goes on there whatever happens: the destination is given up. From
then on it goes on at the destination.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.compute.hypervisor.base import ABILITIES, MigratesLive, Power
from pileus.compute.model.migration import Migration
from pileus.compute.model.server import PAUSED, Server
from pileus.compute.sagas.conductor import Conductor
from pileus.compute.sagas.guest import bind_ports, end_guest, expect_ports, guest_spec, in_task, moved, power_again
from pileus.compute.sagas.resize import settle
from pileus.core.bus import HostUnreachable
from pileus.core.errors import CloudError, NotFound
from pileus.core.log import Log
from pileus.core.saga import Saga, Step

log = Log("pileus.compute.live_migrate")


class LiveMigrate(msgspec.Struct, kw_only=True):
    server_id: str
    request_id: str
    migration: str
    destination: str | None = None          # a host that an administrator named
    forced: bool = False                    # whatever the scheduler thinks of it
    address: str = ""                       # where the source sends the guest


async def choose(s: LiveMigrate, c: Conductor) -> None:
    """Find a host and hold room on it, beside what is held where the server is."""
    server, m = await _moving(s, c)
    able = frozenset({ABILITIES[MigratesLive]})
    choices = await c.scheduling.rank(server, ignore=frozenset({m.source_host or ""}), required_traits=able,
                                      force_host=s.destination if s.forced else None, destination=None if s.forced else s.destination)
    chosen = await c.moving.hold(server, m.uuid, choices)
    node = next((h.inventory.hypervisor_hostname for h in await c.scheduling.hosts.all() if h.host == chosen.host), None)
    await c.migrations.update(m.uuid, c.now(), status="preparing", dest_host=chosen.host, dest_host_id=chosen.id, dest_node=node)


async def give_back(s: LiveMigrate, c: Conductor) -> None:
    server = await c.servers.find(s.server_id)
    if server is not None and not await _arrived(s, c):
        await c.moving.give_back(server, s.migration)


async def prepare(s: LiveMigrate, c: Conductor) -> None:
    server, m = await _moving(s, c)
    assert m.source_host is not None and m.dest_host is not None
    await expect_ports(server, m.dest_host, c)
    described = await c.agent(m.source_host).describe(server.id)
    s.address = await c.agent(m.dest_host).expect(moved(await guest_spec(server, c), server), described)


async def forget_destination(s: LiveMigrate, c: Conductor) -> None:
    """Nothing is left on the destination, and the guest goes on at the source."""
    server, m = await c.server(s.server_id), await c.migrations.find(s.migration)
    if server is None or m is None or m.dest_host is None or m.source_host is None or await _arrived(s, c):
        return
    await end_guest(server.id, m.dest_host, c)
    await bind_ports(server, m.source_host, c)
    await power_again(server, m.old_vm_state, m.source_host, c)


async def send(s: LiveMigrate, c: Conductor) -> None:
    """All of the guest goes to the destination; it halts at the source at the end of this."""
    server, m = await _moving(s, c)
    assert m.source_host is not None
    await c.migrations.enter(m.uuid, c.now(), "running", allowed={"preparing", "running"})
    await c.agent(m.source_host).migrate(server.id, s.address)


async def stop_sending(s: LiveMigrate, c: Conductor) -> None:
    """A host that does not answer sends nothing that anybody waits for: the destination is given up in any case."""
    m = await c.migrations.find(s.migration)
    if m is not None and m.source_host is not None and not await _arrived(s, c):
        try:
            await c.agent(m.source_host).abort_migration(s.server_id)
        except HostUnreachable:
            log.warning("host unreachable; its guest is not told that it stays", host=m.source_host, server=s.server_id)


async def arrive(s: LiveMigrate, c: Conductor) -> None:
    """The server is on the destination from now on."""
    server, m = await _moving(s, c)
    assert m.dest_host is not None
    await bind_ports(server, m.dest_host, c)
    await c.agent(m.dest_host).arrive(server.id, Power.PAUSED if m.old_vm_state == PAUSED else Power.RUNNING)
    await c.migrations.enter(m.uuid, c.now(), "post-migrating", allowed={"running", "post-migrating"})
    await settle(server, m.dest_host, m.dest_host_id, m.new_flavor, c)


async def clean_source(s: LiveMigrate, c: Conductor) -> None:
    m = await c.migrations.find(s.migration)
    if m is not None and m.source_host is not None:
        await end_guest(s.server_id, m.source_host, c)
        await c.moving.confirm(m.uuid)


async def finish(s: LiveMigrate, c: Conductor) -> None:
    await c.migrations.update(s.migration, c.now(), status="completed")
    await c.servers.end_task(s.server_id, c.now(), "migrating", fault=None)
    await c.actions.finish(s.request_id, s.server_id)


async def failed(s: LiveMigrate, c: Conductor, error: CloudError) -> None:
    """It runs where it ran; or where it arrived, if that was already so."""
    m = await c.migrations.find(s.migration)
    if m is not None:
        status = "completed" if m.status in ("post-migrating", "completed") else "cancelled" if m.status == "cancelled" else "error"
        server = await c.server(s.server_id)
        if status == "completed" and server is not None and m.dest_host is not None:
            await settle(server, m.dest_host, m.dest_host_id, m.new_flavor, c)
            await clean_source(s, c)
        await c.migrations.update(m.uuid, c.now(), status=status)
    await c.servers.end_task(s.server_id, c.now(), "migrating", fault=c.fault(error))
    await c.actions.finish(s.request_id, s.server_id, error=str(error))


async def _arrived(s: LiveMigrate, c: Conductor) -> bool:
    """Whether the guest runs at the destination already: then it is not taken back."""
    m = await c.migrations.find(s.migration)
    return m is not None and m.status in ("post-migrating", "completed")


async def _moving(s: LiveMigrate, c: Conductor) -> tuple[Server, Migration]:
    server, m = await in_task(s.server_id, c, "migrating"), await c.migrations.find(s.migration)
    if m is None or m.status == "cancelled":
        raise NotFound("The migration was given up.")
    return server, m


LIVE_MIGRATE = Saga(name="server.live_migrate", state=LiveMigrate, failed=failed, abortable=True, steps=[
    Step(choose, undo=give_back),
    Step(prepare, undo=forget_destination),
    Step(send, undo=stop_sending),
    Step(arrive),
    Step(clean_source),
    Step(finish),
])
