"""Making the files that QEMU opens: the guest's own layer, its extra disks, its config drive.

Tools run under limits of memory, time and file size, with explicit formats, and never look inside an image: what must be
known of the base is read here, from its first bytes. The image service inspects images when they arrive; this is the second
look, at the place where a lie would do harm.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import shutil
import struct
import subprocess
from collections.abc import Coroutine
from pathlib import Path, PurePosixPath

from pileus.compute.hypervisor.base import GuestSpec, HypervisorFailed, RootDisk
from pileus.compute.hypervisor.qemu.layout import Folder

GIB = 1 << 30

#: Programs that make an ISO 9660 image and understand mkisofs's options; the first that is installed is used.
ISO_TOOLS = ("genisoimage", "xorrisofs", "mkisofs")

TOOL_LIMITS = ("prlimit", "--as=1073741824", "--cpu=30", "--core=0")
TOOL_TIMEOUT_S = 60

QCOW2_MAGIC = b"QFI\xfb"
EXTERNAL_DATA_FILE = 1 << 2


async def make_disks(spec: GuestSpec, folder: Folder, qemu_img: str) -> None:
    """All disks of a guest that has none yet."""
    await _together(
        _make_layer(spec.root, folder, qemu_img),
        make_config_drive(spec, folder),
        _make_formatted(folder.ephemeral, spec.ephemeral_gib * GIB, "mke2fs", "-q", "-F", "-t", "ext4", "-L", "ephemeral0"),
        _make_formatted(folder.swap, spec.swap_mb << 20, "mkswap", "-q", "-L", "swap0"),
    )


async def make_config_drive(spec: GuestSpec, folder: Folder) -> None:
    """The config drive of the spec, replacing an older one; none when the spec has none."""
    if spec.config_drive is None:
        folder.config_drive.unlink(missing_ok=True)
        return
    tool = next(filter(shutil.which, ISO_TOOLS), None)
    if tool is None:
        raise HypervisorFailed(what="make the config drive", detail=f"none of {', '.join(ISO_TOOLS)} is installed")
    new, content = folder.path / "config.new", folder.path / "config"
    shutil.rmtree(content, ignore_errors=True)
    try:
        _write_tree(content, spec.config_drive)
        await _run("make the config drive", tool, "-quiet", "-o", str(new), "-V", "config-2", "-J", "-r", "-l",
                   "-ldots", "-allow-lowercase", "-allow-multidot", str(content))  # fmt: skip
    finally:
        shutil.rmtree(content, ignore_errors=True)
    new.replace(folder.config_drive)


def virtual_size(base: Path, format: str) -> int:
    """How large the disk in an image is. Raises HypervisorFailed for an image that is not what it says, or not alone."""
    what = "use the image"
    try:
        with open(base, "rb") as file:
            header = file.read(104)
            size = file.seek(0, 2)
    except OSError as error:
        raise HypervisorFailed(what=what, detail=f"{base}: {error.strerror}") from None
    if format == "raw":
        return size
    if format != "qcow2" or header[:4] != QCOW2_MAGIC or len(header) < 72:
        raise HypervisorFailed(what=what, detail=f"{base} is not a {format} image that this driver knows")
    version, backing_file = struct.unpack_from(">IQ", header, 4)
    features = struct.unpack_from(">Q", header, 72)[0] if version >= 3 and len(header) >= 80 else 0
    if backing_file or features & EXTERNAL_DATA_FILE:
        raise HypervisorFailed(what=what, detail=f"{base} refers to another file")
    return struct.unpack_from(">Q", header, 24)[0]


async def _make_layer(root: RootDisk, folder: Folder, qemu_img: str) -> None:
    """`-u`: qemu-img does not open the base, so nothing in it can lead it elsewhere."""
    size = max(virtual_size(Path(root.base), root.format), root.size_gib * GIB)
    size = -(-size // 512) * 512
    await _run("make the root disk", qemu_img, "create", "-q", "-f", "qcow2", "-u", "-b", root.base, "-F", root.format,
               str(folder.disk), str(size))  # fmt: skip


async def _make_formatted(path: Path, size: int, *tool: str) -> None:
    if size:
        with open(path, "wb") as file:
            file.truncate(size)
        await _run(f"make {path.name}", *tool, str(path))


async def _together(*work: Coroutine) -> None:
    """All of it at once. When one fails the others are ended before its error is raised, so that none goes on writing."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _write_tree(top: Path, files: dict[str, bytes]) -> None:
    top.mkdir()
    for name, data in files.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise HypervisorFailed(what="make the config drive", detail=f"{name!r} is not a path on a drive")
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_bytes(data)


async def _run(what: str, *argv: str) -> None:
    """Run a tool to its end, within the limits. What it says about its failure goes into the error's detail."""
    process = await asyncio.create_subprocess_exec(
        *TOOL_LIMITS, *argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        async with asyncio.timeout(TOOL_TIMEOUT_S):
            _, said = await process.communicate()
    except TimeoutError:
        raise HypervisorFailed(what=what, detail=f"{argv[0]} did not end within {TOOL_TIMEOUT_S} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        reason = said.decode(errors="replace").strip() or f"{argv[0]} ended with {process.returncode}"
        raise HypervisorFailed(what=what, detail=reason)
