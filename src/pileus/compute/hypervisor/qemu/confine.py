"""Each guest's process as a user of its own: one that breaks out of QEMU is nobody on this host, and no other guest.

Only an agent that is root can do it, and only where strangers may pass through the folders above its state. The users need no
names; their numbers are from a range that systemd's table of users leaves free. All share one group, which may read images
and pass through folders and may do nothing else. A guest's folder stays root's: its process writes into the files that are
there, and neither adds nor replaces one.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import fcntl
import os
import shutil
import stat
import struct
from pathlib import Path

from pileus.compute.hypervisor.base import HypervisorFailed
from pileus.compute.hypervisor.qemu.layout import Folder, Home, Record

FIRST_USER = 2_000_000_000
USERS = 65_536
GROUP = FIRST_USER - 1

#: Devices that guests' processes may use as far as the groups of this host allow it.
DEVICES = ("/dev/kvm", "/dev/vhost-net")

TUNSETIFF, TUNSETOWNER = 0x400454CA, 0x400454CC
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000


def possible(home: Home) -> bool:
    """Whether guests' processes can be users of their own here."""
    passable = all(os.stat(folder).st_mode & stat.S_IXOTH for folder in home.path.parents)
    return os.geteuid() == 0 and shutil.which("setpriv") is not None and passable


def open_up(home: Home) -> None:
    """Let guests' processes pass through the folders on the way to their own."""
    for folder in (home.path, home.guests):
        _share(folder, stat.S_IXGRP)


def free_user(taken: set[int], host: int = 0) -> int:
    """One that is nobody's. Each of several hosts of one machine has numbers of its own."""
    first = FIRST_USER + host * USERS
    for user in range(first, first + USERS):
        if user not in taken:
            return user
    raise HypervisorFailed(what="make the guest", detail="every user number for guests is in use")


def prefix(user: int) -> list[str]:
    """What goes before QEMU's arguments. The program replaces itself, so the process is QEMU's from the first argument on."""
    groups = sorted({os.stat(device).st_gid for device in DEVICES if _grouped(device)})
    return [
        str(shutil.which("setpriv")), "--reuid", str(user), "--regid", str(GROUP),
        *(("--groups", ",".join(map(str, groups))) if groups else ("--clear-groups",)),
        "--inh-caps=-all", "--no-new-privs", "--",
    ]  # fmt: skip


def hand_over(record: Record, folder: Folder, home: Path) -> None:
    """Give the guest's user what its process opens, before it starts. Repeatable. Raises OSError."""
    os.chown(folder.path, -1, GROUP)
    os.chmod(folder.path, stat.S_IRWXU | stat.S_IXGRP)
    for file in (folder.console, folder.pid):
        file.touch(mode=0o600)
    mine = (folder.disk, folder.ephemeral, folder.swap, folder.config_drive, folder.rescue, folder.nvram, folder.console, folder.pid)
    for file in mine:
        if file.exists():
            give(file, record.user)
    for root in (record.spec.root, record.rescue.root if record.rescue else None):
        for name in root.files if root else ():
            _let_read(Path(name), home)
    for nic in record.spec.nics:
        give_tap(nic.device, record.user)


def give(file: Path, user: int) -> None:
    """A file for that user alone."""
    os.chown(file, user, GROUP, follow_symlinks=False)
    os.chmod(file, stat.S_IRUSR | stat.S_IWUSR)


def give_tap(device: str, user: int) -> None:
    """Let a user attach to a tap device that nobody is attached to."""
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TAP | IFF_NO_PI))
        fcntl.ioctl(tun, TUNSETOWNER, user)
    finally:
        os.close(tun)


def _let_read(image: Path, home: Path) -> None:
    """An image file of this cloud, and the folders of this cloud that it is in."""
    _share(image, stat.S_IRGRP)
    for folder in image.parents:
        if folder != home and folder.is_relative_to(home):
            _share(folder, stat.S_IXGRP)


def _share(path: Path, right: int) -> None:
    found = os.stat(path)
    if found.st_gid != GROUP or not found.st_mode & right:
        os.chown(path, -1, GROUP)
        os.chmod(path, stat.S_IMODE(found.st_mode) | right)


def _grouped(device: str) -> bool:
    try:
        return bool(os.stat(device).st_mode & stat.S_IWGRP)
    except OSError:
        return False
