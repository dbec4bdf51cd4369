"""What this host's QEMU can really do: tried once, remembered until QEMU, the kernel or the machine's boot changes.

`/dev/kvm` may exist, open and create machines, and yet hang every guest, at once or later: a nested KVM without hardware
below it interprets the guest's instructions one by one, and stops at the first one its interpreter does not know. So a guest
is booted: the BIOS, then a boot sector that goes to protected mode, calculates with MMX registers (which only a processor
does, no interpreter in a kernel) and ends QEMU with a status of its own.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
import zlib
from pathlib import Path

import msgspec

from pileus.compute.hypervisor.base import HypervisorFailed
from pileus.compute.hypervisor.files import write_atomically

#: Real mode:      cli; xor ax, ax; mov ds, ax; lgdt [gdtr]; mov eax, cr0; or al, 1; mov cr0, eax; jmp 8:protected
#: protected:      mov eax, 16; mov ds, eax; paddd mm0, mm0; emms; lock cmpxchg8b [0x7e00]
#:                 mov dx, 0xf4; mov al, 0x10; out dx, al; hlt; jmp back to hlt
#: and its segments (flat code, flat data). QEMU's isa-debug-exit ends with (0x10 << 1) | 1.
BOOT_SECTOR = bytes.fromhex(
    "fa31c08ed8660f0116587c0f20c00c010f22c066ea1b7c00000800"
    "b8100000008ed80ffec00f77f00fc70d007e000066baf400b010eef4ebfd8db426"
    "000000000000000000000000ffff0000009acf00ffff00000092cf001700407c0000"
).ljust(510, b"\0") + b"\x55\xaa"
DONE = 33

LIMIT_S = 3.0

BINARY = "qemu-system-x86_64"
#: What a guest's QEMU may not do: start programs, become somebody else, change its own limits, use obsolete system calls.
SANDBOX = ("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny")


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    """What guests can be given on this host."""

    binary: str
    version: tuple[int, int, int]
    kvm: bool = False
    sandbox: bool = False
    vhost_net: bool = False

    @property
    def version_number(self) -> int:
        major, minor, micro = self.version
        return major * 1_000_000 + minor * 1_000 + micro


class _Remembered(msgspec.Struct, frozen=True):
    key: str
    abilities: Abilities


async def abilities(binary: str, remembered: Path | None = None) -> Abilities:
    """Raises HypervisorFailed when there is no such QEMU, or when it cannot run the smallest guest."""
    path = shutil.which(binary)
    if path is None:
        raise HypervisorFailed(what="start QEMU", detail=f"{binary} is not installed")
    key = _key(path)
    if remembered and (known := _recall(remembered)) and known.key == key:
        return known.abilities
    found = await _try_out(path)
    if remembered:
        write_atomically(remembered, msgspec.json.encode(_Remembered(key, found)))
    return found


async def runs(binary: str, *options: str, limit_s: float = LIMIT_S) -> bool:
    """Whether QEMU with these options boots a guest and ends as the guest says, within the limit."""
    with tempfile.NamedTemporaryFile(prefix="pileus-probe-") as sector:
        sector.write(BOOT_SECTOR)
        sector.flush()
        process = await asyncio.create_subprocess_exec(
            binary, "-nodefaults", "-no-user-config", "-display", "none", "-machine", "pc", "-m", "16", *options,
            "-device", "isa-debug-exit,iobase=0xf4,iosize=1",
            "-drive", f"file={sector.name},format=raw,if=ide,snapshot=on",
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(limit_s):
                return await process.wait() == DONE
        except TimeoutError:
            return False
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def kvm_works(binary: str = BINARY) -> bool:
    """With the host's own CPU, as guests get it: some KVMs can do all but that."""
    return os.access("/dev/kvm", os.R_OK | os.W_OK) and await runs(binary, "-accel", "kvm", "-cpu", "host")


async def _try_out(path: str) -> Abilities:
    version, kvm, sandbox = await asyncio.gather(
        _version(path), kvm_works(path), runs(path, "-accel", "tcg", *SANDBOX, limit_s=20)
    )
    if not sandbox and not await runs(path, "-accel", "tcg", limit_s=20):
        raise HypervisorFailed(what="start QEMU", detail=f"{path} cannot run the smallest guest")
    vhost_net = kvm and os.access("/dev/vhost-net", os.R_OK | os.W_OK)
    return Abilities(binary=path, version=version, kvm=kvm, sandbox=sandbox, vhost_net=vhost_net)


async def _version(path: str) -> tuple[int, int, int]:
    process = await asyncio.create_subprocess_exec(path, "--version", stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    said, _ = await process.communicate()
    numbers = re.search(rb"version (\d+)\.(\d+)\.(\d+)", said)
    if numbers is None:
        raise HypervisorFailed(what="start QEMU", detail=f"{path} does not tell its version")
    major, minor, micro = map(int, numbers.groups())
    return major, minor, micro


def _key(path: str) -> str:
    stat = os.stat(path)
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    kvm = os.access("/dev/kvm", os.R_OK | os.W_OK)
    return f"{path} {stat.st_size} {stat.st_mtime_ns} {os.uname().release} {boot} {os.geteuid()} {kvm} {zlib.crc32(BOOT_SECTOR)}"


def _recall(file: Path) -> _Remembered | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Remembered)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
