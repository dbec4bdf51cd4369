"""The bootable disk: a boot sector, a FAT partition with loader, kernel and ramdisk, and the root file system behind it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shutil
import struct
from pathlib import Path

from pileus.image.guest.tools import run

MIB = 1 << 20
SECTOR = 512
BOOT_CODE = Path("/usr/lib/syslinux/mbr/mbr.bin")

#: Types of partitions in an MBR.
FAT16_LBA, LINUX = 0x0E, 0x83

#: Geometry that nobody uses and the FAT must state: 64 heads of 32 sectors make a cylinder of one MiB.
HEADS, SECTORS = 64, 32

LOADER = """\
DEFAULT guest
PROMPT 0
TIMEOUT 1
SERIAL 0 115200
LABEL guest
  KERNEL /vmlinuz
  INITRD /initrd.gz
  APPEND {arguments}
"""


def make_disk(out: Path, work: Path, *, kernel: Path, ramdisk: Path, rootfs: Path, arguments: str) -> None:
    boot = work / "boot.fat"
    _make_boot(boot, work, kernel, ramdisk, arguments)
    raw = work / "disk.raw"
    write_disk(raw, BOOT_CODE.read_bytes(), [(FAT16_LBA, boot), (LINUX, rootfs)])
    run("qemu-img", "convert", "-f", "raw", "-c", "-O", "qcow2", raw, out)


def write_disk(out: Path, boot_code: bytes, partitions: list[tuple[int, Path]]) -> None:
    """Partitions one after the other from the first MiB on, each as large as its content; the first is booted from."""
    start, table, contents = MIB, b"", []
    for kind, content in partitions:
        size = -(-content.stat().st_size // MIB) * MIB
        flag = 0 if table else 0x80
        table += struct.pack("<B3sB3sII", flag, b"\xfe\xff\xff", kind, b"\xfe\xff\xff", start // SECTOR, size // SECTOR)
        contents.append((start, content))
        start += size
    with open(out, "wb") as disk:
        disk.write(boot_code[:440].ljust(446, b"\0") + table.ljust(64, b"\0") + b"\x55\xaa")
        disk.truncate(start)
        for at, content in contents:
            disk.seek(at)
            with open(content, "rb") as source:
                shutil.copyfileobj(source, disk, MIB)


def _make_boot(boot: Path, work: Path, kernel: Path, ramdisk: Path, arguments: str) -> None:
    """A FAT file system that knows it begins at sector 2048: the loader finds its files by that number."""
    size_mib = round((kernel.stat().st_size + ramdisk.stat().st_size) / MIB) + 6
    with open(boot, "wb") as file:
        file.truncate(size_mib * MIB)
    loader = work / "syslinux.cfg"
    loader.write_text(LOADER.format(arguments=arguments))
    run("mformat", "-i", boot, "-v", "BOOT", "-h", str(HEADS), "-s", str(SECTORS), "-H", str(MIB // SECTOR),
        "-T", str(size_mib * MIB // SECTOR), "::")  # fmt: skip
    run("mcopy", "-i", boot, kernel, "::vmlinuz")
    run("mcopy", "-i", boot, ramdisk, "::initrd.gz")
    run("mcopy", "-i", boot, loader, "::syslinux.cfg")
    run("syslinux", "--install", boot)
