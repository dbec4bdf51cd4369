"""Create a server: place it, give it ports, build it on a host, show it as active.

The server's row and its ids exist before the saga begins. `servers.host` is written, with the ports, before anything is done
on that host, so an undo after a crash knows where to look. A host that says no is followed by the next of the ranking, here
and not in the agent.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus.compute.errors import NoValidHost
from pileus.compute.hypervisor.base import Power
from pileus.compute.interface import Build, ImageRef
from pileus.compute.model.server import ACTIVE, BUILDING, DELETING, SPAWNING, Server
from pileus.compute.sagas.conductor import Conductor
from pileus.compute.sagas.guest import device_owner, end_guest, guest_spec, release_port
from pileus.core.errors import CloudError, NotFound
from pileus.core.log import Log
from pileus.core.saga import Saga, Step

log = Log("pileus.compute.create")


class Chosen(msgspec.Struct, frozen=True):
    """Where a server's resources are held, by the names of its columns."""

    host_id: str
    host: str
    availability_zone: str


class CreateServer(msgspec.Struct, kw_only=True):
    """Grows as the saga goes on."""

    server_id: str
    request_id: str
    image: ImageRef | None
    image_properties: dict[str, str] = {}
    admin_pass: str | None = None
    files: dict[str, bytes] = {}            # personality, on the config drive
    force_host: str | None = None
    force_node: str | None = None
    destination: str | None = None          # the only host it may go to
    tried: list[str] = []                   # hosts that said no
    chosen: Chosen | None = None


async def place(s: CreateServer, c: Conductor) -> None:
    """Choose a host and hold its resources. Repeatable: the claim is keyed by the server's id and replaces itself.

    One of a group is on its host at once, so that the next one of the group knows."""
    server = await _building(s, c)
    async with c.scheduling.turn(server) as grouped:
        choices = await c.scheduling.rank(server, ignore=frozenset(s.tried), force_host=s.force_host, force_node=s.force_node,
                                          destination=s.destination, image_properties=s.image_properties)
        await _claim(server, choices, s, c)
        if grouped and s.chosen is not None:
            await c.servers.update(server.id, c.now(), host=s.chosen.host, host_id=s.chosen.host_id)


async def _claim(server: Server, choices: list[Any], s: CreateServer, c: Conductor) -> None:
    chosen = await c.scheduling.claim(server, choices)
    s.chosen = Chosen(chosen.id, chosen.host, await c.scheduling.hosts.zone_of(chosen.host))


async def unplace(s: CreateServer, c: Conductor) -> None:
    server = await c.servers.find(s.server_id)
    if server is not None:
        await c.scheduling.release(msgspec.structs.replace(server, host_id=s.chosen.host_id if s.chosen else None))
        await c.servers.update(server.id, c.now(), host=None, host_id=None)


async def create_ports(s: CreateServer, c: Conductor) -> None:
    """Settle on the host, and make the ports that the user did not bring. Their ids were chosen when the server was ordered."""
    server = await _settle(await _building(s, c), s, c)
    for nic in server.nics:
        if not nic.existing:
            await c.network.create_server_port(
                nic.port_id, nic.network_id, project_id=server.project_id, device_id=server.id, device_owner=device_owner(server),
                host=server.host, security_groups=server.security_groups, fixed_ip=nic.fixed_ip)
        else:
            await c.network.bind_port(nic.port_id, device_id=server.id, device_owner=device_owner(server), host=server.host)


async def _settle(server: Server, s: CreateServer, c: Conductor) -> Server:
    """The server belongs to the chosen host from now on. Raises NotFound when a delete took over."""
    assert s.chosen is not None                        # `place` came before
    where = msgspec.structs.asdict(s.chosen)
    if not await c.servers.end_task(server.id, c.now(), server.task_state or "", to=SPAWNING, **where):
        raise _gone()
    return msgspec.structs.replace(server, task_state=SPAWNING, **where)


async def delete_ports(s: CreateServer, c: Conductor) -> None:
    server = await c.servers.find(s.server_id)
    for nic in server.nics if server is not None else ():
        await release_port(nic, s.server_id, c)


async def build(s: CreateServer, c: Conductor) -> None:
    """Wire the ports and start the guest on the host; when it says no, on the next host of the ranking."""
    while True:
        server = await _building(s, c)
        assert server.host is not None                 # `create_ports` came before
        try:
            await _build_on(server.host, server, s, c)
            c.scheduling.snapshot.built(server.host, well=True)
            return
        except CloudError as refusal:
            if not refusal.temporary:
                raise
            log.warning("a host could not build a server", server=server.id, host=server.host, error=str(refusal), detail=refusal.detail)
            c.scheduling.snapshot.built(server.host, well=False)
            await end_guest(server.id, server.host, c)
            s.tried.append(server.host)
            await _next_host(server, s, c, refusal)


async def _build_on(host: str, server: Server, s: CreateServer, c: Conductor) -> None:
    if server.nics:
        await c.network.wire(host)
    guest = await guest_spec(server, c, format=s.image.format if s.image else "raw", properties=s.image_properties,
                             admin_pass=s.admin_pass, files=s.files)
    await c.agent(host).spawn(Build(guest=guest, image=s.image))


async def _next_host(server: Server, s: CreateServer, c: Conductor, refusal: CloudError) -> None:
    """Move the claim and the ports to another host. Raises what the last host said when there is none."""
    if len(s.tried) >= c.config.max_attempts or s.force_host or s.force_node or s.destination:
        raise NoValidHost(reason="Exceeded maximum number of retries.", detail=f"{refusal} {refusal.detail}") from refusal
    async with c.scheduling.turn(server):
        try:
            choices = await c.scheduling.rank(server, ignore=frozenset(s.tried), image_properties=s.image_properties)
            await c.scheduling.release(server)
            await _claim(server, choices, s, c)
        except NoValidHost as nowhere:
            raise NoValidHost(reason="Exceeded maximum number of retries.", detail=f"{refusal} {refusal.detail}") from nowhere
        server = await _settle(server, s, c)
    for nic in server.nics:
        await c.network.bind_port(nic.port_id, device_id=server.id, device_owner=device_owner(server), host=server.host)


async def destroy_guest(s: CreateServer, c: Conductor) -> None:
    server = await c.servers.find(s.server_id)
    if server is not None and server.host is not None:
        await end_guest(server.id, server.host, c)


async def mark_active(s: CreateServer, c: Conductor) -> None:
    now = c.now()
    await c.servers.end_task(s.server_id, now, SPAWNING, vm_state=ACTIVE, power_state=int(Power.RUNNING), launched_at=now, progress=0)
    await c.actions.finish(s.request_id, s.server_id)


async def mark_failed(s: CreateServer, c: Conductor, error: CloudError) -> None:
    await c.servers.fail(s.server_id, c.now(), c.fault(error))
    await c.actions.finish(s.request_id, s.server_id, error=str(error))


async def _building(s: CreateServer, c: Conductor) -> Server:
    server = await c.server(s.server_id)
    if server is None or server.vm_state != BUILDING or server.task_state == DELETING:
        raise _gone()
    return server


def _gone() -> NotFound:
    return NotFound("The server was deleted while it was built.")


CREATE_SERVER = Saga(name="server.create", state=CreateServer, failed=mark_failed, abortable=True, steps=[
    Step(place, undo=unplace),
    Step(create_ports, undo=delete_ports, atomic=True),
    Step(build, undo=destroy_guest),
    Step(mark_active, atomic=True),
])
