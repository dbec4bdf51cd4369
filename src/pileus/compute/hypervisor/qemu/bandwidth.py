"""Limits on what passes through a guest's tap devices: rules of the kernel's own at each device, which need no process.

What exceeds a limit is dropped, which is what TCP listens to. The rules are in a table per device, so that they are replaced
and removed in one go; the network agent, who made the device, has tables of other names.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping

from pileus.compute.hypervisor.base import HypervisorFailed
from pileus.compute.hypervisor.limits import Rate, rate

#: A packet may be this large between a guest and its host, in kilobytes: smaller bursts would let none through.
BURST_MIN = 64
#: Whether this kernel can do it is tried on this device, which every network namespace has.
LOOPBACK = "lo"


async def possible() -> bool:
    """Whether this host can limit its guests' interfaces: tried and taken back."""
    if os.geteuid() != 0 or shutil.which("nft") is None:
        return False
    try:
        some = Rate(average=1_000_000)
        await _load([_table("probe", LOOPBACK, some, some), _forget("probe")])
        return True
    except HypervisorFailed:
        return False


async def limit(devices: Iterable[str], properties: Mapping[str, str]) -> bool:
    """Make the devices' limits those of the guest's properties, perhaps none; whether there are any. Raises HypervisorFailed."""
    inbound, outbound = rate(properties, "inbound"), rate(properties, "outbound")
    if not (inbound or outbound):
        return False
    await _load([text for device in devices for text in (_forget(device), _table(device, device, inbound, outbound))])
    return True


async def forget(devices: Iterable[str]) -> None:
    """Devices without limits are none to forget."""
    await _load([_forget(device) for device in devices])


def _table(name: str, device: str, inbound: Rate | None, outbound: Rate | None) -> str:
    """What goes to the guest leaves the host by the device, and what comes from it enters."""
    chains = [f"chain limit_{way} {{ type filter hook {way} device \"{device}\" priority 0; policy accept; {' '.join(_drops(limited))} }}"
              for way, limited in (("egress", inbound), ("ingress", outbound)) if limited]
    return "\n".join([f"table netdev pileus-limit-{name} {{", *chains, "}"])


def _drops(limited: Rate) -> list[str]:
    burst = max(limited.burst or limited.average, BURST_MIN)
    drops = [f"limit rate over {limited.average} kbytes/second burst {burst} kbytes drop;"]
    if limited.peak:
        drops.insert(0, f"limit rate over {limited.peak} kbytes/second burst {BURST_MIN} kbytes drop;")
    return drops


def _forget(name: str) -> str:
    """Made if it was not there, so that removing it is no error."""
    return f"table netdev pileus-limit-{name} {{ }}\ndelete table netdev pileus-limit-{name}"


async def _load(texts: list[str]) -> None:
    """All of it or nothing."""
    if not texts:
        return
    process = await asyncio.create_subprocess_exec("nft", "-f", "-", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                                   stderr=subprocess.PIPE)  # fmt: skip
    _, said = await process.communicate("\n".join(texts).encode())
    if process.returncode:
        raise HypervisorFailed(what="limit an interface", detail=said.decode(errors="replace").strip()[:500])
