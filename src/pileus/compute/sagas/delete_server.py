"""Delete a server. It cannot fail: what a host does not do now, its audit does later.

It wins over everything else: a create of the same server is undone first, other operations are waited for.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.compute.hypervisor.base import Power
from pileus.compute.model.server import DELETED
from pileus.compute.sagas.conductor import Conductor
from pileus.compute.sagas.guest import end_guest, release_port
from pileus.compute.sagas.shelve import IMAGE_KEY
from pileus.core.saga import Saga, Step


class DeleteServer(msgspec.Struct, kw_only=True):
    server_id: str
    request_id: str


async def stop_others(s: DeleteServer, c: Conductor) -> None:
    """Undo a create that still runs; wait for anything else."""
    await c.kit.sagas.abort(s.server_id)


async def destroy_guest(s: DeleteServer, c: Conductor) -> None:
    server = await c.server(s.server_id)
    if server is not None and server.host is not None:
        await end_guest(server.id, server.host, c)


async def end_moves(s: DeleteServer, c: Conductor) -> None:
    """A server that waits to be confirmed has a guest, and room held for it, in another place too."""
    server = await c.server(s.server_id)
    if server is None:
        return
    for m in await c.migrations.of_server(server.id):
        for host in {m.source_host, m.dest_host} - {server.host}:
            if host is not None:
                await end_guest(server.id, host, c)
        await c.moving.confirm(m.uuid)
        await c.migrations.update(m.uuid, c.now(), status="confirmed" if m.status in ("finished", "confirming") else "error")


async def forget_image(s: DeleteServer, c: Conductor) -> None:
    """The image of a shelved server is nobody's without it."""
    server = await c.server(s.server_id)
    if server is not None and (image_id := server.system_metadata.get(IMAGE_KEY)):
        await c.images.snapshots.cancel(image_id)


async def release_network(s: DeleteServer, c: Conductor) -> None:
    """Delete the server's own ports and let go of the others, also of those attached later."""
    server = await c.server(s.server_id)
    if server is None:
        return
    own = {nic.port_id: nic for nic in server.nics}
    for nic in own.values():
        await release_port(nic, server.id, c)
    for port in await c.network.ports_of(server.id):
        if port.id not in own:
            await c.network.unbind_port(port.id, device_id=server.id)


async def release_resources(s: DeleteServer, c: Conductor) -> None:
    server = await c.server(s.server_id)
    if server is not None:
        await c.scheduling.release(server)


async def mark_deleted(s: DeleteServer, c: Conductor) -> None:
    now = c.now()
    await c.servers.update(s.server_id, now, vm_state=DELETED, task_state=None, power_state=int(Power.NOSTATE), deleted_at=now,
                           terminated_at=now)
    await c.actions.finish(s.request_id, s.server_id)


DELETE_SERVER = Saga(name="server.delete", state=DeleteServer, steps=[
    Step(stop_others),
    Step(destroy_guest),
    Step(end_moves),
    Step(forget_image),
    Step(release_network),
    Step(release_resources),
    Step(mark_deleted),
])
