"""Disk images as users bring them, good ones and bad ones, and the manifest that tells Tempest which is which."""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

SIZE = "4M"


@dataclass(frozen=True, kw_only=True)
class Disk:
    """`options` are what qemu-img makes it with; `format` is what it is said to be. One that is not usable must be refused."""

    name: str
    format: str
    options: tuple[str, ...]
    usable: bool = True


DISKS = [
    Disk(name="raw", format="raw", options=("-f", "raw")),
    Disk(name="qcow2", format="qcow2", options=("-f", "qcow2")),
    Disk(name="vmdk-sparse", format="vmdk", options=("-f", "vmdk", "-o", "subformat=monolithicSparse")),
    Disk(name="vmdk-stream", format="vmdk", options=("-f", "vmdk", "-o", "subformat=streamOptimized")),
    Disk(name="vdi", format="vdi", options=("-f", "vdi")),
    Disk(name="vhd", format="vhd", options=("-f", "vpc")),
    Disk(name="vhd-fixed", format="vhd", options=("-f", "vpc", "-o", "subformat=fixed")),
    Disk(name="vhdx", format="vhdx", options=("-f", "vhdx")),
    Disk(name="vmdk-flat", format="vmdk", options=("-f", "vmdk", "-o", "subformat=monolithicFlat"), usable=False),
    Disk(name="qcow2-data-file", format="qcow2", options=("-f", "qcow2", "-o", "data_file=other.bin,data_file_raw=on"), usable=False),
    Disk(name="qcow2-backing", format="qcow2", options=("-f", "qcow2", "-b", "/etc/passwd", "-F", "raw"), usable=False),
    Disk(name="qed", format="qcow2", options=("-f", "qed"), usable=False),
]


def make(folder: Path) -> Path:
    """Make the images; answers the manifest's path. Without qemu-img there is a raw one only."""
    folder.mkdir()
    there = DISKS if shutil.which("qemu-img") else DISKS[:1]
    for disk in there:
        file = folder / disk.name
        if disk.options == ("-f", "raw"):
            file.write_bytes(bytes(4 << 20))
        else:
            subprocess.run(["qemu-img", "create", "-q", *disk.options, file.name, SIZE], cwd=folder, check=True, capture_output=True)
    manifest = folder / "manifest.yaml"
    manifest.write_text(yaml.safe_dump({"images": [
        {"name": disk.name, "filename": disk.name, "format": disk.format, "usable": disk.usable} for disk in there]}))
    return manifest
