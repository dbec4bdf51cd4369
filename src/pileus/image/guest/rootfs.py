"""The root file system: busybox, dropbear, modules and our scripts in an ext4 image, made without being root."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
import re
import shutil
from pathlib import Path

from pileus.image.guest.kernel import EARLY, LATE, Kernel
from pileus.image.guest.tools import PATH, GuestBuildFailed, run

LABEL = "guest-root"
MIB = 1 << 20

FOLDERS = (
    "bin", "sbin", "usr/bin", "usr/sbin", "dev", "proc", "sys", "run", "tmp", "mnt", "root/.ssh", "home/cloud/.ssh",
    "etc/dropbear", "etc/init.d", "var/lib/cloud", "var/log", "lib64",
)  # fmt: skip
MODES = {"tmp": 0o1777, "root": 0o700, "root/.ssh": 0o700, "home/cloud": 0o700, "home/cloud/.ssh": 0o700, "etc/shadow": 0o600}
OWNERS = {"home/cloud": 1000}                         # and what is in it; everything else is root's

#: Programs of busybox that belong into a folder of the system administrator; all others are in /bin.
IN_SBIN = frozenset({
    "acpid", "blkid", "blockdev", "fdisk", "getty", "halt", "ifconfig", "init", "insmod", "ip", "klogd", "losetup", "lsmod",
    "mdev", "mke2fs", "modprobe", "poweroff", "reboot", "rmmod", "route", "swapoff", "swapon", "switch_root", "sysctl",
    "syslogd", "udhcpc", "uevent",
})  # fmt: skip
#: Programs of busybox that would pretend to be something they are not here.
LEFT_OUT = frozenset({"busybox", "dpkg", "dpkg-deb", "rpm", "rpm2cpio", "linuxrc"})

#: busybox becomes root for the few programs that need it (su, ping), and gives that up for all others.
SETUID = {"bin/busybox": 0o4755}


def find_program(programs: Path, name: str) -> Path:
    """A program in unpacked packages, wherever this release of the distribution has it."""
    for folder in ("bin", "sbin", "usr/bin", "usr/sbin"):
        if (path := programs / folder / name).is_file():
            return path
    raise GuestBuildFailed(why=f"the packages have no {name}")


def make_rootfs(out: Path, work: Path, files: Path, programs: Path, kernel: Kernel) -> None:
    tree = work / "root"
    for folder in FOLDERS:
        (tree / folder).mkdir(parents=True, exist_ok=True)
    _install_busybox(find_program(programs, "busybox"), tree)
    for name in ("dropbear", "dropbearkey", "dbclient"):
        _install_binary(find_program(programs, name), tree / "usr/sbin" / name, tree, programs)
    (tree / "usr/bin/ssh").symlink_to("/usr/sbin/dbclient")
    (tree / "usr/bin/dropbearkey").symlink_to("/usr/sbin/dropbearkey")
    resize = shutil.which("resize2fs", path=PATH)
    assert resize is not None, "check_tools found its package"
    _install_binary(Path(resize), tree / "sbin/resize2fs", tree, programs)
    kernel.install((*itertools.chain(*EARLY), *LATE), tree)
    _install_files(files / "root", tree)
    _make_ext4(tree, out, work)


def _install_busybox(busybox: Path, tree: Path) -> None:
    shutil.copyfile(busybox, tree / "bin/busybox")
    (tree / "bin/busybox").chmod(0o755)
    for name in set(run(tree / "bin/busybox", "--list").split()) - LEFT_OUT:
        (tree / ("sbin" if name in IN_SBIN else "bin") / name).symlink_to("/bin/busybox")


def _install_binary(source: Path, target: Path, tree: Path, programs: Path) -> None:
    """A program and the shared libraries it needs, from the packages or else from the host, which has the same release."""
    shutil.copyfile(source, target)
    target.chmod(0o755)
    folders = {str(path.parent) for path in programs.rglob("*.so*")}
    needs = run("env", f"LD_LIBRARY_PATH={':'.join(sorted(folders))}", "ldd", source)
    if missing := re.findall(r"(\S+) => not found", needs):
        raise GuestBuildFailed(why=f"{source.name} needs {', '.join(missing)}")
    for path in re.findall(r"(/\S+) \(0x", needs):
        where = "lib64" if Path(path).name.startswith("ld-linux") else "lib/x86_64-linux-gnu"
        library = tree / where / Path(path).name
        library.parent.mkdir(parents=True, exist_ok=True)
        if not library.exists():
            shutil.copyfile(path, library)
            library.chmod(0o755)


def _install_files(source: Path, tree: Path) -> None:
    """Our own files. A script is what begins like one: a package's data may have lost its modes."""
    for path in source.rglob("*"):
        target = tree / path.relative_to(source)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            data = path.read_bytes()
            target.write_bytes(data)
            target.chmod(0o755 if data.startswith(b"#!") else 0o644)
    (tree / "etc/resolv.conf").touch()


def _make_ext4(tree: Path, out: Path, work: Path) -> None:
    """An image of the tree, half empty. Owners and modes are set inside the image, where nobody asks who we are."""
    used = sum(path.lstat().st_size for path in tree.rglob("*"))
    size_mib = max(24, round(used * 1.8 / MIB) + 6)
    features = "^metadata_csum,^64bit"                # older kernels and tools read it too, and it grows online
    run("mke2fs", "-q", "-F", "-t", "ext4", "-O", features, "-m", "0", "-L", LABEL, "-E", "lazy_itable_init=0",
        "-d", tree, out, f"{size_mib}M")  # fmt: skip
    commands = work / "owners"
    commands.write_text("".join(f"{line}\n" for line in _inode_fields(tree)))
    said = [line for line in run("debugfs", "-w", "-f", commands, out).splitlines() if not line.startswith("debugfs:")]
    if said:
        raise GuestBuildFailed(why=f"debugfs: {said[0]}")


def _inode_fields(tree: Path):
    for path in (tree, *sorted(tree.rglob("*"))):
        name = str(path.relative_to(tree))
        owner = next((owner for top, owner in OWNERS.items() if name == top or name.startswith(f"{top}/")), 0)
        for field in ("uid", "gid"):
            yield f'set_inode_field "/{name if name != "." else ""}" {field} {owner}'
        if path.is_symlink():
            continue
        mode = MODES.get(name, SETUID.get(name, 0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644))
        yield f'set_inode_field "/{name if name != "." else ""}" mode 0{(0o040000 if path.is_dir() else 0o100000) | mode:o}'
