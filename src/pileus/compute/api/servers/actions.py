"""What is done to a server: `POST /servers/{id}/action` with one key that names the action.

`ACTIONS` is the list: name → handler, the policy rule that is enforced, the type of the value, and the microversions in
which it exists.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from pileus.compute.api import consoles
from pileus.compute.api.proxies.fixed_ips import AddFixedIp, RemoveFixedIp, add_fixed_ip, remove_fixed_ip
from pileus.compute.api.proxies.floating_ips import AddFloatingIp, RemoveFloatingIp, add_floating_ip, remove_floating_ip
from pileus.compute.api.servers.bodies import Closed
from pileus.compute.api.servers.values import given
from pileus.compute.api.servers.verbs import ServerAction, decoded, evacuate, images, inside, live_migrate, rebuild, rescue, resize, shelve
from pileus.compute.model.server import ACTIVE, ERROR
from pileus.core.errors import Gone, Invalid, NotFound
from pileus.core.http import Reply, Request, Route

#: From then on clients ask the network service.
ADDRESSES_UNTIL = (2, 43)
#: From then on consoles are made by `POST …/remote-consoles`.
CONSOLES_UNTIL = (2, 5)


class Reboot(Closed):
    type: Annotated[str, Meta(pattern=r"^(?i:soft|hard)$")]


class ConsoleOutput(Closed):
    length: int | Annotated[str, Meta(pattern=r"^-?[0-9]+$")] | None = None


class ResetState(Closed):
    state: Literal["active", "error"]


class Lock(Closed):
    locked_reason: Annotated[str, Meta(min_length=1, max_length=255)] | UnsetType = UNSET


async def server_action(req: Request, server_id: str, body: dict[str, Any]):
    if len(body) != 1:
        raise Invalid("There must be exactly one action.")
    name, value = next(iter(body.items()))
    action = ACTIONS.get(name)
    if action is None:
        raise Invalid(f"There is no such action: {name}")
    if not action.first <= req.version <= action.last:
        raise NotFound()
    server = await req.services.compute.servers.get(server_id, req.who)
    req.enforce(action.policy, {"project_id": server.project_id, "user_id": server.user_id})
    args = () if action.body is None else (decoded(name, value, action.body, req),)
    return await action.run(req, server_id, *args)


def power(action: str) -> Callable[[Request, str], Awaitable[None]]:
    """The handler of an action that only changes the power of a server."""

    async def change(req: Request, server_id: str) -> None:
        await req.services.compute.servers.change_power(server_id, action, req.who)

    return change


async def reboot(req: Request, server_id: str, body: Reboot) -> None:
    await req.services.compute.servers.change_power(server_id, f"reboot_{body.type.lower()}", req.who)


async def lock(req: Request, server_id: str, body: Any) -> None:
    """Before 2.73 there was no reason, and whatever was said was ignored."""
    reason = decoded("lock", body, Lock | None, req) if req.version >= (2, 73) else None
    await req.services.compute.servers.lock(server_id, req.who, given(reason.locked_reason) if reason else None)


async def unlock(req: Request, server_id: str) -> None:
    await req.services.compute.servers.unlock(server_id, req.who)


async def reset_state(req: Request, server_id: str, body: ResetState) -> None:
    await req.services.compute.servers.reset_state(server_id, req.who, ACTIVE if body.state == "active" else ERROR)


async def force_delete(req: Request, server_id: str) -> None:
    await req.services.compute.servers.force_delete(server_id, req.who)


async def console_output(req: Request, server_id: str, body: ConsoleOutput) -> Reply:
    """The last lines of the serial console."""
    text = await req.services.compute.servers.console_log(server_id, req.who)
    length = None if body.length is None else int(body.length)
    if length is not None and length >= 0:
        text = "\n".join(text.rstrip("\n").split("\n")[-length:]) if length else ""
    return Reply(200, {"output": text})


async def add_security_group(req: Request, server_id: str, body: dict[str, str]) -> None:
    await req.services.compute.security_groups.add(server_id, _group(body), req.who)


async def remove_security_group(req: Request, server_id: str, body: dict[str, str]) -> None:
    await req.services.compute.security_groups.remove(server_id, _group(body), req.who)


def _group(body: dict[str, str]) -> str:
    if set(body) != {"name"} or not body["name"].strip():
        raise Invalid("Security group name is required")
    return body["name"]


async def inject_network_info(req: Request, server_id: str) -> None:
    """Accepted, and nothing more: it was for guests that XenAPI wrote into, and no driver of today's does anything about it."""
    server = await req.services.compute.servers.get(server_id, req.who)
    req.services.compute.servers.refuse_locked(server, req.who)


async def reset_network(req: Request, server_id: str) -> None:
    raise Gone("The resetNetwork action was for the XenAPI driver and went with it.")


async def restore(req: Request, server_id: str) -> None:
    await req.services.compute.servers.restore(server_id, req.who)


ACTIONS: dict[str, ServerAction] = {
    "os-start": ServerAction(run=power("start"), policy="os_compute_api:servers:start"),
    "os-stop": ServerAction(run=power("stop"), policy="os_compute_api:servers:stop"),
    "reboot": ServerAction(run=reboot, policy="os_compute_api:servers:reboot", body=Reboot),
    "pause": ServerAction(run=power("pause"), policy="os_compute_api:os-pause-server:pause"),
    "unpause": ServerAction(run=power("unpause"), policy="os_compute_api:os-pause-server:unpause"),
    "suspend": ServerAction(run=power("suspend"), policy="os_compute_api:os-suspend-server:suspend"),
    "resume": ServerAction(run=power("resume"), policy="os_compute_api:os-suspend-server:resume"),
    "lock": ServerAction(run=lock, policy="os_compute_api:os-lock-server:lock", body=Any),
    "unlock": ServerAction(run=unlock, policy="os_compute_api:os-lock-server:unlock"),
    "os-resetState": ServerAction(run=reset_state, policy="os_compute_api:os-admin-actions:reset_state", body=ResetState),
    "forceDelete": ServerAction(run=force_delete, policy="os_compute_api:os-deferred-delete:force"),
    "restore": ServerAction(run=restore, policy="os_compute_api:os-deferred-delete:restore"),
    "os-getConsoleOutput": ServerAction(run=console_output, policy="os_compute_api:os-console-output", body=ConsoleOutput),
    "os-getVNCConsole": ServerAction(run=consoles.get_console, policy=consoles.CONSOLES, body=consoles.VncType, last=CONSOLES_UNTIL),
    "os-getSerialConsole": ServerAction(run=consoles.get_console, policy=consoles.CONSOLES, body=consoles.SerialType, last=CONSOLES_UNTIL),
    "os-getSPICEConsole": ServerAction(run=consoles.get_console, policy=consoles.CONSOLES, body=consoles.SpiceType, last=CONSOLES_UNTIL),
    "os-getRDPConsole": ServerAction(run=consoles.get_console, policy=consoles.CONSOLES, body=consoles.RdpType, last=CONSOLES_UNTIL),
    "addSecurityGroup": ServerAction(run=add_security_group, policy="os_compute_api:os-security-groups:add", body=dict[str, str]),
    "removeSecurityGroup": ServerAction(run=remove_security_group, policy="os_compute_api:os-security-groups:remove", body=dict[str, str]),
    "addFloatingIp": ServerAction(
        run=add_floating_ip, policy="os_compute_api:os-floating-ips:add", body=AddFloatingIp, last=ADDRESSES_UNTIL),
    "removeFloatingIp": ServerAction(
        run=remove_floating_ip, policy="os_compute_api:os-floating-ips:remove", body=RemoveFloatingIp, last=ADDRESSES_UNTIL),
    "addFixedIp": ServerAction(
        run=add_fixed_ip, policy="os_compute_api:os-multinic:add", body=AddFixedIp, last=ADDRESSES_UNTIL),
    "removeFixedIp": ServerAction(
        run=remove_fixed_ip, policy="os_compute_api:os-multinic:remove", body=RemoveFixedIp, last=ADDRESSES_UNTIL),
    "resetNetwork": ServerAction(run=reset_network, policy="os_compute_api:os-admin-actions:reset_network"),
    "injectNetworkInfo": ServerAction(run=inject_network_info, policy="os_compute_api:os-admin-actions:inject_network_info"),
    **images.ACTIONS,
    **rebuild.ACTIONS,
    **resize.ACTIONS,
    **rescue.ACTIONS,
    **shelve.ACTIONS,
    **live_migrate.ACTIONS,
    **evacuate.ACTIONS,
    **inside.ACTIONS,
}
ROUTES = [Route("POST", "/v2.1/servers/{server_id}/action", server_action, policy="compute:server_action", body=dict[str, Any], ok=202)]
