"""Making the files that QEMU opens: the guest's own layer, its extra disks, its config drive.

Tools run under limits of memory, time and file size, with explicit formats, and never look inside an image: what must be
known of the base is read here, from its first bytes. The image service inspects images when they arrive; this is the second
look, at the place where a lie would do harm.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
import shutil
import struct
import subprocess
from collections.abc import Callable, Coroutine
from pathlib import Path, PurePosixPath

from pileus.compute.hypervisor.base import GuestSpec, HypervisorFailed, RootDisk
from pileus.compute.hypervisor.qemu.layout import Folder

GIB = 1 << 30

#: Programs that make an ISO 9660 image and understand mkisofs's options; the first that is installed is used.
ISO_TOOLS = ("genisoimage", "xorrisofs", "mkisofs")

TOOL_LIMITS = ("prlimit", "--as=1073741824", "--cpu=30", "--core=0")
TOOL_TIMEOUT_S = 60

VFAT_BYTES = 64 << 20

#: Files of UEFI's code and of its empty variables, by distribution.
UEFI = (
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
    ("/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin"),
)

QCOW2_MAGIC = b"QFI\xfb"
EXTERNAL_DATA_FILE = 1 << 2


async def make_disks(spec: GuestSpec, folder: Folder, qemu_img: str, drive_format: str = "iso9660") -> None:
    """All disks of a guest that has none yet."""
    await _together(
        make_layer(spec.root, folder.disk, qemu_img),
        make_config_drive(spec.config_drive, folder, drive_format),
        make_ephemeral(spec, folder),
        make_swap(spec, folder),
    )


async def make_ephemeral(spec: GuestSpec, folder: Folder) -> None:
    """The ephemeral disk of the spec, empty; none when the spec has none."""
    await _make_formatted(folder.ephemeral, spec.ephemeral_gib * GIB, "mke2fs", "-q", "-F", "-t", "ext4", "-L", "ephemeral0")


async def make_swap(spec: GuestSpec, folder: Folder) -> None:
    await _make_formatted(folder.swap, spec.swap_mb << 20, "mkswap", "-q", "-L", "swap0")


async def make_config_drive(files: dict[str, bytes] | None, folder: Folder, drive_format: str = "iso9660") -> None:
    """A config drive with these files, replacing an older one; with None there is none."""
    if files is None:
        folder.config_drive.unlink(missing_ok=True)
        return
    new, content = folder.path / "config.new", folder.path / "config"
    shutil.rmtree(content, ignore_errors=True)
    try:
        _write_tree(content, files)
        await _DRIVE_FORMATS[drive_format](content, new)
        new.replace(folder.config_drive)
    finally:
        new.unlink(missing_ok=True)
        shutil.rmtree(content, ignore_errors=True)


async def _make_iso(content: Path, image: Path) -> None:
    tool = next(filter(shutil.which, ISO_TOOLS), None)
    if tool is None:
        raise HypervisorFailed(what="make the config drive", detail=f"none of {', '.join(ISO_TOOLS)} is installed")
    await run_tool("make the config drive", tool, "-quiet", "-o", str(image), "-V", "config-2", "-J", "-r", "-l",
                   "-ldots", "-allow-lowercase", "-allow-multidot", str(content))  # fmt: skip


async def _make_vfat(content: Path, image: Path) -> None:
    """A whole FAT disk without partitions, as large as Nova makes it, for systems that cannot read the other format."""
    what = "make the config drive"
    if shutil.which("mformat") is None:
        raise HypervisorFailed(what=what, detail="mtools is not installed")
    with open(image, "wb") as file:
        file.truncate(VFAT_BYTES)
    await run_tool(what, "mformat", "-i", str(image), "-v", "config-2", "-h", "16", "-s", "63", "-T", str(VFAT_BYTES // 512), "::")
    await run_tool(what, "mcopy", "-s", "-m", "-i", str(image), *map(str, sorted(content.iterdir())), "::")


_DRIVE_FORMATS: dict[str, Callable[[Path, Path], Coroutine]] = {"iso9660": _make_iso, "vfat": _make_vfat}


def make_firmware(spec: GuestSpec, folder: Folder) -> str:
    """UEFI's variables for a guest whose image asks for UEFI; the file of the code they belong to, or nothing for a BIOS."""
    if spec.properties.get("os_secure_boot") == "required":
        raise HypervisorFailed(what="make the machine", detail="secure boot is not available on this host")
    if spec.properties.get("hw_firmware_type", "bios") != "uefi":
        return ""
    if (found := firmware()) is None:
        raise HypervisorFailed(what="make the machine", detail="no UEFI firmware (OVMF) is installed")
    if not folder.nvram.exists():
        shutil.copyfile(found[1], folder.nvram)
    return found[0]


def firmware() -> tuple[str, str] | None:
    """The UEFI of this host: its code and its empty variables."""
    return next(((code, variables) for code, variables in UEFI if os.path.exists(code) and os.path.exists(variables)), None)


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


def layer_size(file: Path) -> int:
    """How large the disk in a layer of our own is."""
    with open(file, "rb") as layer:
        header = layer.read(32)
    if header[:4] != QCOW2_MAGIC or len(header) < 32:
        raise HypervisorFailed(what="use the disk", detail=f"{file} is not a qcow2 image")
    return struct.unpack_from(">Q", header, 24)[0]


async def make_layer(root: RootDisk, file: Path, qemu_img: str) -> None:
    """`-u`: qemu-img does not open the base, so nothing in it can lead it elsewhere. Raises HypervisorFailed."""
    least, wanted = virtual_size(Path(root.base), root.format), root.size_gib * GIB
    if wanted and least > wanted:
        # Nobody may have known it when the server was ordered: of an image elsewhere only the length is known before it is read.
        raise HypervisorFailed(what="make the root disk", detail=f"the image's disk has {least} bytes, the flavor's {wanted}")
    size = max(least, wanted)
    size = -(-size // 512) * 512
    await run_tool("make the root disk", qemu_img, "create", "-q", "-f", "qcow2", "-u", "-b", root.base, "-F", root.format,
               str(file), str(size))  # fmt: skip


async def _make_formatted(path: Path, size: int, *tool: str) -> None:
    path.unlink(missing_ok=True)
    if size:
        with open(path, "wb") as file:
            file.truncate(size)
        await run_tool(f"make {path.name}", *tool, str(path))


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


async def run_tool(what: str, *argv: str, limits: tuple[str, ...] = TOOL_LIMITS, timeout_s: float = TOOL_TIMEOUT_S) -> None:
    """Run a tool to its end, within the limits. What it says about its failure goes into the error's detail."""
    process = await asyncio.create_subprocess_exec(
        *limits, *argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        async with asyncio.timeout(timeout_s):
            _, said = await process.communicate()
    except TimeoutError:
        raise HypervisorFailed(what=what, detail=f"{argv[0]} did not end within {timeout_s:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        reason = said.decode(errors="replace").strip() or f"{argv[0]} ended with {process.returncode}"
        raise HypervisorFailed(what=what, detail=reason)
