"""The ramdisk: busybox, the modules that lead to the root file system, and the script that goes there."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gzip
import shutil
import stat
from pathlib import Path

from pileus.image.guest.kernel import EARLY, Kernel

FOLDERS = ("bin", "dev", "proc", "sys", "root")

#: What the script calls. Links for all of busybox would take a quarter of a second to make at every boot.
PROGRAMS = (
    "basename", "blockdev", "cat", "dd", "dirname", "findfs", "insmod", "mount", "readlink", "sh", "switch_root", "umount",
    "usleep",
)  # fmt: skip


def make_ramdisk(out: Path, work: Path, files: Path, busybox: Path, kernel: Kernel) -> None:
    tree = work / "ramdisk"
    for folder in FOLDERS:
        (tree / folder).mkdir(parents=True)
    for source, target in ((busybox, tree / "bin/busybox"), (files / "ramdisk/init", tree / "init")):
        shutil.copyfile(source, target)
        target.chmod(0o755)
    for program in PROGRAMS:
        (tree / "bin" / program).symlink_to("busybox")
    groups = ["".join(f"{path}\n" for path in kernel.install(group, tree)) for group in EARLY]
    (tree / "modules").write_text("\n".join(groups))
    for made in (tree / "lib/modules" / kernel.release).glob("modules.*"):
        made.unlink()                                 # insmod needs no lists
    out.write_bytes(gzip.compress(archive(tree), 9, mtime=0))


def archive(tree: Path) -> bytes:
    """A cpio archive of the tree, in the kernel's own format; everything belongs to root."""
    parts = []
    for path in sorted(tree.rglob("*")):              # a folder before what is in it
        name = str(path.relative_to(tree))
        if path.is_symlink():
            parts.append(_entry(name, stat.S_IFLNK | 0o777, str(path.readlink()).encode()))
        elif path.is_dir():
            parts.append(_entry(name, stat.S_IFDIR | 0o755, b""))
        else:
            mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
            parts.append(_entry(name, stat.S_IFREG | mode, path.read_bytes()))
    parts.append(_entry("dev/console", stat.S_IFCHR | 0o600, b"", device=(5, 1)))
    parts.append(_entry("TRAILER!!!", 0, b""))
    return b"".join(parts)


def _entry(name: str, mode: int, data: bytes, *, device: tuple[int, int] = (0, 0)) -> bytes:
    """Thirteen fields of eight hexadecimal digits, the name, the data; both filled up to multiples of four bytes."""
    path = name.encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + path
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)
