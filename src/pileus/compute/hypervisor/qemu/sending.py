"""What one QEMU sends to another while its guest runs: first its disks, each mirrored by a block job, then its memory.

QEMU sends, over connections that it is handed; nothing passes through the agent. The guest halts when little memory is left to
send; then the mirrors are ended, so that the disks at the other end are those of that moment; then the rest is sent.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable

from pileus.compute.hypervisor.base import HypervisorFailed, Progress
from pileus.compute.hypervisor.qemu.machine import MIGRATE_BANDWIDTH, Machine
from pileus.compute.hypervisor.qemu.qmp import QmpLost

#: A guest that writes faster than can be sent is slowed down; it halts before its disks are let go of.
CAPABILITIES = {"events": True, "auto-converge": True, "pause-before-switchover": True}
PLAIN = {"auto-converge": False, "pause-before-switchover": False}

ENDED = ("completed", "failed", "cancelled")
CANCEL_TIMEOUT_S = 10

#: Gives a new connection to the destination: to the disk server, or for the memory.
Connect = Callable[[], socket.socket]


async def mirror(machine: Machine, node: str, connect: Connect) -> None:
    """Copy a disk to the export of its name, and all that the guest writes from then on. Returns when they are alike."""
    target = job(node)
    with connect() as sock:
        await machine.ask("getfd", {"fdname": target}, fd=sock.fileno())
    await machine.ask("blockdev-add", {"driver": "nbd", "node-name": target, "server": {"type": "fd", "str": target}, "export": node,
                                       "discard": "unmap", "detect-zeroes": "unmap"})  # fmt: skip
    mine = _of(target)
    async with machine.expect("BLOCK_JOB_READY", mine) as ready, machine.expect("BLOCK_JOB_COMPLETED", mine) as ended:
        await machine.ask("blockdev-mirror", {"job-id": target, "device": node, "target": target, "sync": "full"})
        await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            raise HypervisorFailed(what="copy the disk", detail=_told(ended).get("error", "the copy was given up"))


async def memory(machine: Machine, nodes: Iterable[str], connect: Connect) -> None:
    """Send the memory and the state of the devices, and let go of the mirrored disks in between. The guest has halted then."""
    capabilities = [{"capability": name, "state": state} for name, state in CAPABILITIES.items()]
    await machine.ask("migrate-set-capabilities", {"capabilities": capabilities})
    await machine.ask("migrate-set-parameters", {"max-bandwidth": MIGRATE_BANDWIDTH})
    with connect() as sock:
        await machine.ask("getfd", {"fdname": "memory"}, fd=sock.fileno())
    async with machine.expect("MIGRATION", lambda data: data["status"] in (*ENDED, "pre-switchover")) as halted:
        await machine.ask("migrate", {"uri": "fd:memory"})
        await _reached(machine, halted, "pre-switchover")
    for node in nodes:
        await _finish(machine, job(node))
    async with machine.expect("MIGRATION", lambda data: data["status"] in ENDED) as ended:
        await machine.ask("migrate-continue", {"state": "pre-switchover"})
        await _reached(machine, ended, "completed")


async def stop(machine: Machine) -> None:
    """End whatever is being sent, perhaps for an agent that is no more. The guest is as it was, or PAUSED. Repeatable."""
    await end_of_memory(machine, CANCEL_TIMEOUT_S, cancel=True)
    for running in await machine.ask("query-block-jobs"):
        if running["device"].startswith(job("")):
            await _finish(machine, running["device"], force=True)
    for node in await machine.ask("query-named-block-nodes", {"flat": True}):
        if node["node-name"].startswith(job("")):
            await machine.ask("blockdev-del", {"node-name": node["node-name"]})
    await machine.ask("migrate-set-capabilities", {"capabilities": [{"capability": name, "state": state} for name, state in PLAIN.items()]})


async def end_of_memory(machine: Machine, timeout_s: float, *, cancel: bool = False) -> str:
    """How sending or taking the memory ended, waiting for the end if it is under way. `none`: it never began."""
    async with machine.expect("MIGRATION", lambda data: data["status"] in ENDED) as ended:
        status = (await machine.ask("query-migrate")).get("status", "none")
        if status in ("none", *ENDED):
            return status
        if cancel:
            await machine.ask("migrate_cancel")
        await asyncio.wait({ended}, timeout=timeout_s)
    return (await machine.ask("query-migrate"))["status"]


async def progress(machine: Machine) -> Progress:
    ram = (await machine.ask("query-migrate")).get("ram", {})
    jobs = [running for running in await machine.ask("query-block-jobs") if running["device"].startswith(job(""))]
    total, done = sum(running["len"] for running in jobs), sum(running["offset"] for running in jobs)
    memory_total, remaining = ram.get("total", 0), ram.get("remaining", 0)
    return Progress(memory_total=memory_total, memory_processed=ram.get("transferred", 0), memory_remaining=remaining,
                    disk_total=total, disk_processed=done, disk_remaining=total - done)


def job(node: str) -> str:
    """The name of what copies a disk away."""
    return f"away-{node}"


async def _finish(machine: Machine, name: str, *, force: bool = False) -> None:
    """End a mirror: in order, with everything written at the other end; or by force."""
    async with machine.expect("BLOCK_JOB_COMPLETED", _of(name)) as completed, machine.expect("BLOCK_JOB_CANCELLED", _of(name)) as cut:
        await machine.ask("block-job-cancel", {"device": name, "force": force})
        await asyncio.wait({completed, cut}, return_when=asyncio.FIRST_COMPLETED, timeout=CANCEL_TIMEOUT_S)
        if not force and (not completed.done() or "error" in _told(completed)):
            raise HypervisorFailed(what="copy the disk", detail=f"{name} did not end in order")


async def _reached(machine: Machine, event: asyncio.Future, wanted: str) -> None:
    try:
        status = (await event)["status"]
    except QmpLost:
        raise HypervisorFailed(what="send the guest", detail="its process has ended") from None
    if status != wanted:
        said = (await machine.ask("query-migrate")).get("error-desc", status)
        raise HypervisorFailed(what="send the guest", detail=said)


def _of(name: str) -> Callable[[dict], bool]:
    return lambda data: data["device"] == name


def _told(event: asyncio.Future) -> dict:
    try:
        return event.result()
    except QmpLost:
        return {"error": "the guest's process has ended"}
