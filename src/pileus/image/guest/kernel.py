"""The kernel of an unpacked package, and which of its thousands of modules a guest gets."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import lzma
import shutil
from collections.abc import Iterable
from pathlib import Path

from pileus.image.guest.tools import GuestBuildFailed, run

#: To reach the root file system, on whatever bus its disk is. In the ramdisk, which loads the second group only when the
#: first was not enough: looking for disks that are not there takes half a second.
EARLY = (("ext4", "virtio_pci", "virtio_blk"), ("virtio_scsi", "sd_mod", "ata_piix", "ahci"))

#: For everything else that a cloud gives to a guest. A kernel that has none of the optional ones is still of use.
LATE = (
    "virtio_net", "virtio_rng", "virtio_balloon", "virtio_console", "virtio_scsi", "e1000", "e1000e", "8139cp",
    "sr_mod", "isofs", "vfat", "nls_cp437", "nls_iso8859-1", "nls_ascii", "button", "evdev", "8021q", "nbd",
)  # fmt: skip

#: Without these, built in or as modules, the guest has no disk or no network.
NEEDED = ("virtio_pci", "virtio_blk", "virtio_net", "ext4")

LISTS = ("modules.order", "modules.builtin", "modules.builtin.modinfo")


class Kernel:
    def __init__(self, unpacked: Path):
        trees = [*unpacked.glob("lib/modules/*"), *unpacked.glob("usr/lib/modules/*")]
        if len(trees) != 1:
            raise GuestBuildFailed(why=f"{len(trees)} kernels were found where there should be one")
        self._tree = trees[0]
        self.release = self._tree.name
        self.image = unpacked / "boot" / f"vmlinuz-{self.release}"
        run("depmod", "-b", self._tree.parents[2], self.release)
        self._files: dict[str, str] = {}              # module name → path below the tree
        self._needs: dict[str, list[str]] = {}        # path → paths it depends on, in the order of loading
        for line in (self._tree / "modules.dep").read_text().splitlines():
            path, _, needs = line.partition(":")
            self._files[_name(path)] = path
            self._needs[path] = list(reversed(needs.split()))
        builtin = (self._tree / "modules.builtin").read_text().splitlines()
        self._builtin = {_name(path) for path in builtin}
        for module in NEEDED:
            if _name(module) not in self._files and _name(module) not in self._builtin:
                raise GuestBuildFailed(why=f"kernel {self.release} has no {module}")

    def install(self, modules: Iterable[str], root: Path) -> list[str]:
        """Put modules and what they need into a tree, uncompressed. Returns their paths in the order of loading."""
        wanted = [self._files[_name(module)] for module in modules if _name(module) in self._files]
        ordered = list(dict.fromkeys(path for module in wanted for path in (*self._needs[module], module)))
        top = Path("lib/modules") / self.release
        (root / top).mkdir(parents=True, exist_ok=True)
        for path in ordered:
            _unpack(self._tree / path, root / top / _plain(path))
        for name in LISTS:
            if (self._tree / name).exists():
                shutil.copyfile(self._tree / name, root / top / name)
        run("depmod", "-b", root, self.release)
        return [f"/{top / _plain(path)}" for path in ordered]


def _name(path: str) -> str:
    """A module's name, in which `-` and `_` are the same."""
    return Path(path).name.partition(".")[0].replace("-", "_")


def _plain(path: str) -> str:
    """Without the suffix of a compression: busybox knows none."""
    return path[: path.index(".ko") + 3]


def _unpack(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    match source.suffix:
        case ".xz":
            target.write_bytes(lzma.decompress(source.read_bytes()))
        case ".zst":
            run("zstd", "-q", "-d", source, "-o", target)
        case _:
            shutil.copyfile(source, target)
