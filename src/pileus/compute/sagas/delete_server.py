"""Delete a server. It cannot fail: what a host does not do now, its audit does later.

It wins over everything else: a create of the same server is undone first, other operations are waited for.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.compute.hypervisor.base import Power
from pileus.compute.model.server import DELETED, Server
from pileus.compute.sagas.conductor import Conductor
from pileus.compute.sagas.guest import end_guest, release_port
from pileus.compute.sagas.shelve import IMAGE_KEY
from pileus.core.saga import Saga, Step


class DeleteServer(msgspec.Struct, kw_only=True):
    server_id: str
    request_id: str


async def end(s: DeleteServer, c: Conductor) -> None:
    """Undo a create that still runs and wait for anything else; then end what is on hosts, and the image of a shelved server,
    which is nobody's without it."""
    await c.kit.sagas.abort(s.server_id)
    server = await c.server(s.server_id)
    if server is None:
        return
    if server.host is not None:
        await end_guest(server.id, server.host, c)
    await _end_moves(server, c)
    if image_id := server.system_metadata.get(IMAGE_KEY):
        await c.images.snapshots.cancel(image_id)


async def _end_moves(server: Server, c: Conductor) -> None:
    """A server that waits to be confirmed has a guest, and room held for it, in another place too."""
    for m in await c.migrations.of_server(server.id):
        for host in {m.source_host, m.dest_host} - {server.host}:
            if host is not None:
                await end_guest(server.id, host, c)
        await c.moving.confirm(m.uuid)
        await c.migrations.update(m.uuid, c.now(), status="confirmed" if m.status in ("finished", "confirming") else "error")


async def forget(s: DeleteServer, c: Conductor) -> None:
    """Give back its ports and resources, and mark it deleted."""
    server, now = await c.server(s.server_id), c.now()
    if server is not None:
        await _release_network(server, c)
        await c.scheduling.release(server)
    await c.servers.update(s.server_id, now, vm_state=DELETED, task_state=None, power_state=int(Power.NOSTATE), deleted_at=now,
                           terminated_at=now)
    await c.actions.finish(s.request_id, s.server_id)


async def _release_network(server: Server, c: Conductor) -> None:
    """Delete the server's own ports and let go of the others, also of those attached later."""
    own = {nic.port_id: nic for nic in server.nics}
    for nic in own.values():
        await release_port(nic, server.id, c)
    for port in await c.network.ports_of(server.id):
        if port.id not in own:
            await c.network.unbind_port(port.id, device_id=server.id)


DELETE_SERVER = Saga(name="server.delete", state=DeleteServer, steps=[
    Step(end),
    Step(forget, atomic=True),
])
