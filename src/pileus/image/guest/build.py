"""Building the guest image, once: the same inputs give the image that is there already."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from pileus.image.guest import packages
from pileus.image.guest.disk import make_disk
from pileus.image.guest.kernel import Kernel
from pileus.image.guest.ramdisk import make_ramdisk
from pileus.image.guest.rootfs import LABEL, find_program, make_rootfs
from pileus.image.guest.tools import GuestBuildFailed

#: The kernel's arguments, on the disk and for a direct kernel boot. The last console is the one that init speaks to.
KERNEL_ARGS = f"root=LABEL={LABEL} console=tty0 console=ttyS0,115200 quiet net.ifnames=0 no_timer_check panic=5"

DISK, KERNEL, RAMDISK, ROOTFS = OUTPUTS = ("guest.qcow2", "vmlinuz", "initrd.gz", "rootfs.img")
MANIFEST = "manifest.json"


class GuestImage(msgspec.Struct, frozen=True, kw_only=True):
    """Where the image is: `disk` boots by itself; `rootfs` is a raw image that is booted with kernel and ramdisk."""

    disk: str
    kernel: str
    ramdisk: str
    rootfs: str
    kernel_args: str
    packages: dict[str, str]                          # what it was made of: package → version
    min_ram_mb: int = 128


class _Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Written last: what it names is complete."""

    key: str
    sizes: dict[str, int]
    packages: dict[str, str]


def build_guest_image(out: Path, progress: Callable[[str], None] = lambda step: None, *, rebuild: bool = False) -> GuestImage:
    """The guest image in folder `out`, built unless it is there. `progress` is told each step before it begins.

    Blocks for some seconds, and needs the package archive. Raises GuestToolsMissing before anything is done, and
    GuestBuildFailed; an image that was there stays then.
    """
    out.mkdir(parents=True, exist_ok=True)
    key = _key()
    with _alone(out):
        manifest = None if rebuild else _complete(out, key)
        if manifest is None:
            packages.check_tools()
            manifest = _build(out, key, progress)
    return GuestImage(
        disk=str(out / DISK),
        kernel=str(out / KERNEL),
        ramdisk=str(out / RAMDISK),
        rootfs=str(out / ROOTFS),
        kernel_args=KERNEL_ARGS,
        packages=manifest.packages,
    )


def _build(out: Path, key: str, progress: Callable[[str], None]) -> _Manifest:
    files = Path(__file__).parent / "files"
    for torn in out.glob("building-*"):
        shutil.rmtree(torn, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="building-", dir=out) as folder:
        work = Path(folder)
        done = work / "done"
        done.mkdir()
        progress("Downloading the kernel and the programs")
        versions, unpacked, programs = packages.download(work)
        kernel = Kernel(unpacked)
        shutil.copyfile(kernel.image, done / KERNEL)
        progress(f"Making the ramdisk of kernel {kernel.release}")
        make_ramdisk(done / RAMDISK, work, files, find_program(programs, "busybox"), kernel)
        progress("Making the root file system")
        make_rootfs(done / ROOTFS, work, files, programs, kernel)
        progress("Making the disk")
        make_disk(done / DISK, work, kernel=done / KERNEL, ramdisk=done / RAMDISK, rootfs=done / ROOTFS, arguments=KERNEL_ARGS)
        sizes = {name: (done / name).stat().st_size for name in OUTPUTS}
        manifest = _Manifest(key=key, sizes=sizes, packages=versions)
        (done / MANIFEST).write_bytes(msgspec.json.encode(manifest))
        (out / MANIFEST).unlink(missing_ok=True)
        for name in (*OUTPUTS, MANIFEST):
            (done / name).chmod(0o644)
            os.replace(done / name, out / name)
    return manifest


def _complete(out: Path, key: str) -> _Manifest | None:
    """What the manifest says, when it speaks of these inputs and everything it names is there."""
    try:
        manifest = msgspec.json.decode((out / MANIFEST).read_bytes(), type=_Manifest)
        sizes = {name: (out / name).stat().st_size for name in OUTPUTS}
    except (OSError, msgspec.DecodeError):
        return None
    return manifest if manifest.key == key and manifest.sizes == sizes else None


def _key() -> str:
    """Everything of ours that makes the image what it is: this package's own files. Newer packages are `rebuild`'s business."""
    digest = hashlib.sha256()
    top = Path(__file__).parent
    for path in sorted(top.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(f"{path.relative_to(top)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Two builds of one image take turns, and the second finds it made."""
    try:
        with open(out / ".lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise GuestBuildFailed(why=str(error)) from error
