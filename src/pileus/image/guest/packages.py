"""From the host's package archive: what a guest is made of. Downloaded and unpacked, never installed.

Debian and Ubuntu differ in the kernel's packages: Debian has one package with kernel and modules, Ubuntu has two. Both have
a package that only names the newest.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
import shutil
from pathlib import Path

from pileus.image.guest.tools import PATH, GuestBuildFailed, GuestToolsMissing, run

#: Debian packages that must be installed on the host, and a program or file by which to know that each is.
TOOLS = {
    "e2fsprogs": "mke2fs",
    "kmod": "depmod",
    "libc-bin": "ldd",
    "mtools": "mcopy",
    "qemu-utils": "qemu-img",
    "syslinux": "syslinux",
    "syslinux-common": "/usr/lib/syslinux/mbr/mbr.bin",
    "zstd": "zstd",
}
PACKAGES = tuple(TOOLS)

#: The packages whose programs run in the guest.
PROGRAMS = ("busybox-static", "dropbear-bin")

#: Names of the newest kernel: the first that the archive has. The first of each distribution is made for virtual machines.
KERNELS = ("linux-image-cloud-amd64", "linux-image-virtual", "linux-image-amd64", "linux-image-generic")


def check_tools() -> None:
    """Raises GuestToolsMissing with the packages to install."""
    missing = [package for package, sign in TOOLS.items() if not (Path(sign).exists() or shutil.which(sign, path=PATH))]
    if missing:
        raise GuestToolsMissing(packages=", ".join(missing))


def download(work: Path) -> tuple[dict[str, str], Path, Path]:
    """Versions by package name, a folder with the kernel's packages unpacked, and one with the programs'."""
    versions: dict[str, str] = {}
    folders = []
    for name, packages in (("kernel", kernel_packages()), ("programs", program_packages())):
        downloads, folder = work / f"{name}.debs", work / name
        downloads.mkdir()
        run("apt-get", "download", "-qq", *packages, cwd=downloads)
        for package in downloads.iterdir():
            run("dpkg-deb", "-x", package, folder)
            known_as, version = run("dpkg-deb", "-W", "--showformat=${Package} ${Version}", package).split()
            versions[known_as] = version
        shutil.rmtree(downloads)
        folders.append(folder)
    kernel, programs = folders
    return versions, kernel, programs


def kernel_packages() -> list[str]:
    """The newest kernel for virtual machines and, where they are separate, its modules."""
    known = set(run("apt-cache", "pkgnames", "linux-").split())
    named = next((name for name in KERNELS if name in known), None)
    if named is None:
        raise GuestBuildFailed(why="the package archive has no kernel that is known; try apt-get update")
    kernels = _depends(named, r"linux-image-\S*\d")
    modules = [package for kernel in kernels for package in _depends(kernel, r"linux-modules-(?!extra)\S*\d")]
    return [*kernels, *modules]


def program_packages() -> list[str]:
    """The programs, and the libraries they need that the host has not: what installing them would bring along."""
    would = run("apt-get", "install", "--simulate", "--no-install-recommends", *PROGRAMS)
    return sorted({*PROGRAMS, *re.findall(r"^Inst (\S+)", would, re.M)})


def _depends(package: str, pattern: str) -> list[str]:
    return re.findall(rf"^  Depends: ({pattern}\S*)$", run("apt-cache", "depends", package), re.M)
