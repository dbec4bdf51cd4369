"""Network interfaces of servers: attaching and detaching them (`os-interface`)."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.compute.errors import ComputeOverQuota, ServerInWrongState, ServerNotReady
from pileus.compute.model.order import WantedNetwork
from pileus.compute.model.server import ACTIVE, PAUSED, STOPPED, Nic, Server
from pileus.compute.sagas.interfaces import ATTACH_INTERFACE, DETACH_INTERFACE, ChangeInterface
from pileus.core.context import Context
from pileus.core.errors import Conflict, Invalid, NotFound
from pileus.core.kit import Kit

ALLOWED = frozenset({ACTIVE, PAUSED, STOPPED})


#: Servers whose ports are looked up in one go.
AT_ONCE = 200


class Interfaces:
    def __init__(self, kit: Kit, *, servers: Any, network: Any, actions: Any):
        self.kit, self.servers, self.network, self.actions = kit, servers, network, actions

    async def list(self, server_id: str, who: Context) -> list[Any]:
        await self.servers.get(server_id, who)
        return await self.network.ports_of(server_id)

    async def get(self, server_id: str, port_id: str, who: Context) -> Any:
        for port in await self.list(server_id, who):
            if port.id == port_id:
                return port
        raise NotFound(f"Instance {server_id} does not have a port with id {port_id}")

    async def attach(self, server_id: str, who: Context, wanted: WantedNetwork) -> Any:
        """Attach and wait for it; returns the port. Raises what hindered it, and then nothing is left of it."""
        server = await self._free(server_id, who, "attach_interface")
        if wanted.port_id and wanted.network_id:
            raise Invalid("Must not input both network_id and port_id")
        planned = await self.network.plan(who, (wanted,) if wanted.port_id or wanted.network_id else None, security_groups=())
        if len(planned) != 1:
            raise Conflict("Multiple possible networks found, use a Network ID to be more specific.")
        plan = planned[0]
        if plan.port_id is None and await self.network.free_ports(server.project_id) == 0:
            raise ComputeOverQuota("Maximum number of ports exceeded")
        nic = Nic(port_id=plan.port_id or self.kit.ids.uuid(), network_id=plan.network_id, existing=plan.port_id is not None,
                  fixed_ip=plan.fixed_ip, tag=wanted.tag)
        await self.kit.sagas.wait(await self._begin(ATTACH_INTERFACE, "attach_interface", server, nic, who))
        return await self.get(server_id, nic.port_id, who)

    async def detach(self, server_id: str, port_id: str, who: Context) -> None:
        """Begin to detach."""
        server = await self._free(server_id, who, "detach_interface")
        await self.get(server_id, port_id, who)
        nic = next((n for n in server.nics if n.port_id == port_id), Nic(port_id=port_id, existing=True))
        await self._begin(DETACH_INTERFACE, "detach_interface", server, nic, who)

    async def heal(self) -> int:
        """Have servers let go of interfaces whose ports were deleted behind their backs; how many those are."""
        gone, known = 0, await self.servers.store.at_rest_with_nics()
        for part in (known[at:at + AT_ONCE] for at in range(0, len(known), AT_ONCE)):
            ports = await self.network.ports_of_devices([id for id, _ in part])
            for id, nics in part:
                there = {port.id for port in ports.get(id, ())}
                for nic in (nic for nic in nics if nic.port_id not in there):
                    if not await self.kit.sagas.open(id):
                        gone += 1
                        async with self.kit.db.transaction():
                            await self.kit.sagas.begin(DETACH_INTERFACE, id, ChangeInterface(server_id=id, request_id="", nic=nic))
        return gone

    async def _free(self, server_id: str, who: Context, action: str) -> Server:
        server = await self.servers.get(server_id, who)
        self.servers.refuse_locked(server, who)
        if server.vm_state not in ALLOWED:
            raise ServerInWrongState(action=action, id=server_id, attribute="vm_state", state=server.vm_state)
        if server.task_state is not None:
            raise ServerInWrongState(action=action, id=server_id, attribute="task_state", state=server.task_state)
        if server.host is None:
            raise ServerNotReady(id=server_id)
        return server

    async def _begin(self, saga: Any, action: str, server: Server, nic: Nic, who: Context) -> str:
        async with self.kit.db.transaction():
            await self.actions.begin(server.id, action, who)
            return await self.kit.sagas.begin(saga, server.id, ChangeInterface(server_id=server.id, request_id=who.request_id, nic=nic))
