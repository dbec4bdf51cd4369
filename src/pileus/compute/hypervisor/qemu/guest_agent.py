"""A client of the agent inside a guest (qemu-guest-agent), over its own channel: one JSON object per line.

What comes from there is the guest's own word: it is bounded in length and time, and nothing in it is trusted. An agent may be
in the middle of an older answer, so a number is sent first and everything before its echo is thrown away.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

from msgspec.structs import replace

from pileus.compute.hypervisor.base import GuestAgentSilent, HypervisorFailed
from pileus.compute.hypervisor.qemu import process
from pileus.compute.hypervisor.qemu.command import has_agent
from pileus.compute.hypervisor.qemu.guest import Guest
from pileus.compute.hypervisor.qemu.options import is_true

ANSWER_TIMEOUT_S = 10.0
ANSWER_MAX = 1 << 16

#: The byte that JSON cannot hold: it ends whatever the agent was reading before.
SENTINEL = b"\xff"


async def set_password(guest: Guest, user: str, password: str) -> None:
    """See `SetsPasswords`."""
    coded = base64.b64encode(password.encode()).decode()
    await ask(guest, "guest-set-user-password", {"username": user, "password": coded, "crypted": False})


@contextlib.asynccontextmanager
async def quiesced(guest: Guest) -> AsyncIterator[None]:
    """The guest's file systems hold still meanwhile, if an agent listens in it: what is copied then needs no repair.

    A guest of an image that insists (`os_require_quiesce`) is not copied otherwise. Raises GuestAgentSilent, HypervisorFailed.
    That they do is recorded first: a guest whose host's agent is killed meanwhile would wait for good.
    """
    listens = await _listens(guest)
    if not listens and is_true(guest.record.spec.properties.get("os_require_quiesce", "no")):
        raise GuestAgentSilent(id=guest.record.spec.id)
    try:
        if listens:
            guest.note(replace(guest.record, frozen=True))
            await ask(guest, "guest-fsfreeze-freeze", {})
        yield
    finally:
        await let_go(guest)                            # also when the answer was lost


async def let_go(guest: Guest) -> None:
    """End what `quiesced` began. A guest that does not answer now is told again when the host's agent starts."""
    if guest.record.frozen:
        with contextlib.suppress(GuestAgentSilent, HypervisorFailed):
            await ask(guest, "guest-fsfreeze-thaw", {})
            guest.note(replace(guest.record, frozen=False))


async def _listens(guest: Guest) -> bool:
    """Whether somebody in the guest has opened the channel; it can only answer while the guest runs."""
    machine = guest.machine
    if machine is None or machine.paused or not has_agent(guest.record.spec):
        return False
    return any(channel["label"] == "agent" and channel["frontend-open"] for channel in await machine.ask("query-chardev"))


async def ask(guest: Guest, command: str, arguments: dict[str, Any]) -> Any:
    """What the agent returns. Raises GuestAgentSilent, or HypervisorFailed with the agent's own complaint."""
    guest_id = guest.record.spec.id
    sock = process.connect(guest.folder.path, guest.folder.agent) if has_agent(guest.record.spec) else None
    if sock is None:
        raise GuestAgentSilent(id=guest_id)
    with sock:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                return await _converse(sock, command, arguments)
        except (TimeoutError, OSError, ValueError) as error:
            raise GuestAgentSilent(id=guest_id, detail=repr(error)) from None


async def _converse(sock: socket.socket, command: str, arguments: dict[str, Any]) -> Any:
    loop, number = asyncio.get_running_loop(), id(sock)
    await loop.sock_sendall(sock, SENTINEL + _line({"execute": "guest-sync-delimited", "arguments": {"id": number}}))
    rest = b""
    while True:
        line, rest = await _read_line(sock, rest)
        heard = line.rpartition(SENTINEL)[2]
        if SENTINEL in line and _object(heard).get("return") == number:
            break
    await loop.sock_sendall(sock, _line({"execute": command, "arguments": arguments}))
    line, _ = await _read_line(sock, rest)
    answer = _object(line)
    if "error" in answer:
        raise HypervisorFailed(what=command, detail=str(answer["error"])[:500])
    return answer.get("return")


def _object(line: bytes) -> dict[str, Any]:
    """Raises ValueError for what is none."""
    found = json.loads(line)
    if not isinstance(found, dict):
        raise ValueError("the agent's answer is no object")
    return found


def _line(message: dict) -> bytes:
    return json.dumps(message).encode() + b"\n"


async def _read_line(sock: socket.socket, rest: bytes) -> tuple[bytes, bytes]:
    while b"\n" not in rest:
        if len(rest) > ANSWER_MAX or not (data := await asyncio.get_running_loop().sock_recv(sock, 4096)):
            raise ValueError("the agent's answer does not end")
        rest += data
    line, _, rest = rest.partition(b"\n")
    return line, rest
