"""What tests with real QEMU processes share."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from pileus.compute.hypervisor.qemu import Qemu


@contextlib.asynccontextmanager
async def started(state: Path, **options):
    qemu = Qemu(state, "here", **options)
    await qemu.start()
    try:
        yield qemu
    finally:
        await qemu.stop()


async def until(holds, limit_s=30):
    """Wait for what the guest or the kernel does in its own time."""
    async with asyncio.timeout(limit_s):
        while not await holds():  # noqa: ASYNC110, there is nothing to be told by
            await asyncio.sleep(0.01)


async def says(qemu: Qemu, guest_id: str, text: bytes, times: int = 1) -> None:
    async def holds():
        return (await qemu.console_log(guest_id)).count(text) >= times

    await until(holds)
