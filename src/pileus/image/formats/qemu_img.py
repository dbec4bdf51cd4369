"""qemu-img, held on a short leash: a child with limits on memory, processor time and file size, and a time limit of its own.

Every format is given, none is probed (OSSA-2016-001, CVE-2026-24708); every path is absolute, because QEMU takes a name
like `nbd:…` or `json:…` for something else than a file; what the tool prints is bounded (OSSA-2016-012). An image of a user
must have passed `check` before it comes here. Every call may be repeated; a call that fails, times out or is cancelled
leaves no child, and no new file behind.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec

from pileus.core.errors import CloudError, Unavailable

#: The driver in QEMU for each disk format of the API.
DRIVERS = {"raw": "raw", "ami": "raw", "aki": "raw", "ari": "raw", "iso": "raw", "gpt": "raw", "luks": "raw", "qcow2": "qcow2",
           "vmdk": "vmdk", "vhd": "vpc", "vhdx": "vhdx", "vdi": "vdi", "ploop": "parallels"}
_MOST_OUTPUT = 1 << 20
_PERCENT = re.compile(rb"\((\d+)(?:\.\d+)?/100%\)")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one run may take."""

    address_space_mb: int = 1024
    cpu_s: int = 30
    timeout_s: float = 60
    file_size_mb: int | None = None                 # the largest file it may write


class ImageInfo(msgspec.Struct, frozen=True, rename="kebab"):
    """What `qemu-img info` says."""

    format: str
    virtual_size: int
    backing_filename: str | None = None


class QemuImgFailed(CloudError):
    """The tool could not read or write the image, or took more than it may."""

    status, code, message = 500, "qemu_img.failed", "qemu-img could not {what} the image."


class QemuImgMissing(Unavailable):
    code, message = "qemu_img.missing", "{tool} is not installed."
    temporary = False


READING = Limits()
#: Converting a large image takes a while; memory does not grow with its size.
WRITING = Limits(address_space_mb=2048, cpu_s=3600, timeout_s=7200)


async def info(path: str, format: str, *, in_use: bool = False, limits: Limits = READING) -> ImageInfo:
    """What QEMU makes of the image. `in_use` also reads one that a running guest has open."""
    shared = ["-U"] if in_use else []
    output = await _run("info", ["--output=json", *shared, "-f", _driver(format), _absolute(path)], limits)
    try:
        return msgspec.json.decode(output, type=ImageInfo)
    except msgspec.DecodeError as error:
        raise QemuImgFailed(what="info", detail=f"{path}: {error}") from error


async def convert(source: str, source_format: str, target: str, target_format: str, *, compress: bool = False,
                  limits: Limits = WRITING, progress: Callable[[int], None] | None = None) -> None:
    """Write a new image with the content of another one. A failed one leaves no target. `progress` hears the percentages."""
    options = [*(["-c"] if compress else []), *([] if progress is None else ["-p"])]
    with _or_nothing(target):
        await _run("convert", [*options, "-f", _driver(source_format), "-O", _driver(target_format),
                               _absolute(source), _absolute(target)], limits, progress)


async def create(path: str, format: str, size_bytes: int | None = None, *, backing: str | None = None,
                 backing_format: str | None = None, limits: Limits = READING) -> None:
    """Make an empty image, or a copy-on-write layer over `backing` (as large as that without a size)."""
    if (backing is None) != (backing_format is None) or (backing is None and size_bytes is None):
        raise ValueError("an image needs a size, or a backing file together with its format")
    under = [] if backing is None else ["-b", _absolute(backing), "-F", _driver(backing_format or "")]
    with _or_nothing(path):
        await _run("create", ["-q", "-f", _driver(format), *under, _absolute(path), *([] if size_bytes is None else [str(size_bytes)])],
                   limits)


async def resize(path: str, format: str, size_bytes: int, *, limits: Limits = READING) -> None:
    """Let the image have this virtual size. Never makes it smaller: QemuImgFailed then."""
    await _run("resize", ["-q", "-f", _driver(format), _absolute(path), str(size_bytes)], limits)


def _driver(format: str) -> str:
    driver = DRIVERS.get(format)
    if driver is None:
        raise ValueError(f"{format!r} is not a disk format")
    return driver


def _absolute(path: str) -> str:
    if not path.startswith("/") or "\0" in path:
        raise ValueError(f"{path!r} is not an absolute path")
    return path


@contextlib.contextmanager
def _or_nothing(path: str):
    """Remove a file that did not exist before when writing it fails."""
    existed = os.path.lexists(path)
    try:
        yield
    except BaseException:
        if not existed:
            Path(path).unlink(missing_ok=True)
        raise


async def _run(what: str, args: list[str], limits: Limits, progress: Callable[[int], None] | None = None) -> bytes:
    # prlimit sets the limits in the child and then becomes qemu-img. A preexec function would do the same in a fork of
    # this process, which is not safe while other threads run.
    fence = [f"--as={limits.address_space_mb << 20}", f"--cpu={limits.cpu_s}", "--core=0"]
    if limits.file_size_mb is not None:
        fence.append(f"--fsize={limits.file_size_mb << 20}")
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "MALLOC_ARENA_MAX": "2"}
    try:
        child = await asyncio.create_subprocess_exec(
            "prlimit", *fence, "--", "qemu-img", what, *args, env=environment, cwd="/", start_new_session=True,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    except FileNotFoundError as error:
        raise QemuImgMissing(tool="prlimit (package util-linux)") from error
    try:
        async with asyncio.timeout(limits.timeout_s):
            output, complaint = await asyncio.gather(_read(child, child.stdout, progress), _read(child, child.stderr))
            code = await child.wait()
    except TimeoutError as error:
        raise QemuImgFailed(what=what, detail=f"{args[-1]}: no end after {limits.timeout_s} s") from error
    finally:
        await _end(child)
    if code == 127 or (code and b"failed to execute qemu-img" in complaint):
        raise QemuImgMissing(tool="qemu-img (package qemu-utils)")
    if code:
        raise QemuImgFailed(what=what, detail=complaint.decode(errors="replace").strip()[-2000:] or f"it ended with {code}")
    return output


async def _read(child: asyncio.subprocess.Process, stream: asyncio.StreamReader | None,
                progress: Callable[[int], None] | None = None) -> bytes:
    """All it prints. When that is too much the child is killed, but still read to the end: asyncio does not see the end of
    a child whose pipe is full."""
    collected = bytearray()
    while stream is not None and (chunk := await stream.read(64 << 10)):
        if progress is not None and (found := _PERCENT.findall(chunk)):
            progress(int(found[-1]))
        if len(collected) <= _MOST_OUTPUT:
            collected += chunk
        else:
            _kill(child)
    return bytes(collected)


async def _end(child: asyncio.subprocess.Process) -> None:
    """No child outlives its call."""
    if child.returncode is None:
        _kill(child)
        await asyncio.shield(asyncio.gather(_read(child, child.stdout), _read(child, child.stderr), child.wait()))


def _kill(child: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
