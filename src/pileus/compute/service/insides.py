"""What is inside of a server: what its hypervisor tells of it, its NUMA cells, and the password it chose for its owner."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.compute.errors import ServerInWrongState, ServerNotReady
from pileus.compute.hypervisor.base import Diagnostics
from pileus.compute.hypervisor.topology import Placed
from pileus.compute.interface import ComputeAgent
from pileus.compute.metadata.service import PASSWORD
from pileus.compute.model.numa import GuestCell, guest_cells
from pileus.compute.model.server import ACTIVE, ERROR, PAUSED, RESCUED, RESIZED, SUSPENDED, Server
from pileus.compute.service.scheduling import image_properties
from pileus.core.context import Context
from pileus.core.errors import CloudError
from pileus.core.kit import Kit

#: A guest that can be asked.
THERE = (ACTIVE, PAUSED, SUSPENDED, RESCUED)
#: One that can be told to write a crash dump.
CRASHABLE = (ACTIVE, PAUSED, RESCUED, RESIZED, ERROR)


class Insides:
    def __init__(self, kit: Kit, *, servers: Any):
        self.kit, self.servers = kit, servers

    async def diagnostics(self, id: str, who: Context) -> Diagnostics:
        """Raises ServerInWrongState for one without a running guest, HostUnreachable for one whose host is away."""
        server = await self.servers.get(id, who)
        if server.vm_state not in THERE:
            raise ServerInWrongState(action="get_diagnostics", id=id, attribute="vm_state", state=server.vm_state)
        if server.host is None:
            raise ServerNotReady(id=id)
        return await ComputeAgent.at(server.host, self.kit.bus).diagnostics(id)

    def cells(self, server: Server) -> tuple[GuestCell, ...]:
        """Its NUMA cells; () when it has none of its own."""
        flavor = server.flavor
        return guest_cells(flavor.vcpus, flavor.memory_mb, flavor.extra_specs, image_properties(server))

    async def placed(self, server: Server) -> Placed | None:
        """Where on its host it is, as the host says; None when the host does not answer or plans no such thing."""
        if server.host is None:
            return None
        try:
            guests = await ComputeAgent.at(server.host, self.kit.bus).guests()
        except CloudError:
            return None
        return next((guest.placed for guest in guests if guest.id == server.id), None)

    async def password(self, id: str, who: Context) -> str:
        """What the guest said its password is, encrypted for the owner of its key pair; "" when it said nothing."""
        return (await self.servers.get(id, who)).system_metadata.get(PASSWORD, "")

    async def set_password(self, id: str, who: Context, password: str) -> None:
        """Have the guest's agent set its administrator's password; returns when that is done.

        Raises ServerInWrongState, GuestAgentSilent, NotImplementedHere."""
        server = await self.servers.get(id, who)
        async with self.servers.entering(server, "changePassword", who):
            pass
        properties, error = image_properties(server), None
        user = properties.get("os_admin_user") or ("Administrator" if properties.get("os_type") == "windows" else "root")
        try:
            await ComputeAgent.at(server.host or "", self.kit.bus).set_password(id, user, password)
        except CloudError as refused:
            error = str(refused)
            raise
        finally:
            await self.servers.store.end_task(id, self.kit.clock.now(), "updating_password")
            await self.servers.actions.finish(who.request_id, id, error=error)

    async def crash(self, id: str, who: Context) -> None:
        """Have the guest's system write its crash dump. Raises ServerInWrongState, NotImplementedHere."""
        server = await self.servers.get(id, who)
        self.servers.refuse_locked(server, who)
        if server.vm_state not in CRASHABLE:
            raise ServerInWrongState(action="trigger_crash_dump", id=id, attribute="vm_state", state=server.vm_state)
        if server.task_state is not None:
            raise ServerInWrongState(action="trigger_crash_dump", id=id, attribute="task_state", state=server.task_state)
        if server.host is None:
            raise ServerNotReady(id=id)
        await ComputeAgent.at(server.host, self.kit.bus).inject_nmi(id)
        await self.servers.done(id, "trigger_crash_dump", who)

    async def clear_password(self, id: str, who: Context) -> None:
        """Forget it here; the guest is not told. One that is forgotten already is no error."""
        async with self.kit.db.transaction():
            server = await self.servers.get(id, who)
            kept = {key: value for key, value in server.system_metadata.items() if key != PASSWORD}
            await self.servers.store.update(id, self.kit.clock.now(), system_metadata=kept)
