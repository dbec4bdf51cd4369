"""Network namespaces of the calling thread: enter, make, remove.

A namespace belongs to a thread, so all of this is for one worker thread that nothing else uses. A namespace gets its name
(a bind mount under /run/netns, where iproute2 looks) last, when it is complete: a crash before that leaves nothing.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path("/run/netns")
CLONE_NEWNET, MS_BIND, MS_REC, MS_SHARED, MNT_DETACH = 0x40000000, 0x1000, 0x4000, 1 << 20, 2


def enter(name: str) -> None:
    """Put the calling thread into the namespace for good."""
    fd = os.open(FOLDER / name, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call("setns", fd, CLONE_NEWNET)
    finally:
        os.close(fd)


def leave_for_good() -> None:
    """Put the calling thread into a new namespace without a name, which ends with it."""
    _call("unshare", CLONE_NEWNET)


@contextmanager
def inside(name: str) -> Iterator[None]:
    """The calling thread in the namespace, and back. An empty name: where it is."""
    if not name:
        yield
        return
    with _back_home():
        enter(name)
        yield


@contextmanager
def _back_home() -> Iterator[None]:
    home = os.open(_own(), os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield
    finally:
        _call("setns", home, CLONE_NEWNET)
        os.close(home)


def make(name: str, prepare: Callable[[], None]) -> None:
    """A new namespace, prepared from inside before anybody can see it. A stale name is taken over."""
    with _back_home():
        _call("unshare", CLONE_NEWNET)
        prepare()
        _folder()
        path = FOLDER / name
        remove(name)
        path.touch(mode=0o444)
        _call("mount", _own().encode(), bytes(path), None, MS_BIND, None)


def remove(name: str) -> None:
    """Take the name away; the namespace ends with the last process or socket in it. An absent one is removed."""
    path = FOLDER / name
    if path.exists():
        while _is_mounted(path):
            _call("umount2", bytes(path), MNT_DETACH)
        path.unlink(missing_ok=True)


def names() -> list[str]:
    """Every named namespace that is one: a crash may leave an empty file, which is none."""
    try:
        return sorted(path.name for path in FOLDER.iterdir() if _is_mounted(path))
    except FileNotFoundError:
        return []


def inode(name: str) -> int:
    """What the processes in the namespace show as theirs in /proc/PID/ns/net."""
    return (FOLDER / name).stat().st_ino


def sysctl(key: str, value: str) -> None:
    """Set `net/<key>` of the namespace that the calling thread is in."""
    Path("/proc/sys/net", key).write_text(value)


def setting(key: str) -> str:
    """What `net/<key>` is now, there."""
    return Path("/proc/sys/net", key).read_text().strip()


def _own() -> str:
    return f"/proc/self/task/{threading.get_native_id()}/ns/net"


def _is_mounted(path: Path) -> bool:
    try:
        return path.stat().st_dev != FOLDER.stat().st_dev
    except FileNotFoundError:
        return False


def _folder() -> None:
    """The folder has to be a shared mount, or other mount namespaces would keep a copy of each name for ever."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    if FOLDER.stat().st_dev == FOLDER.parent.stat().st_dev and not _is_shared():
        _call("mount", bytes(FOLDER), bytes(FOLDER), None, MS_BIND | MS_REC, None)
        _call("mount", None, bytes(FOLDER), None, MS_SHARED | MS_REC, None)


def _is_shared() -> bool:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return any(fields[4] == str(FOLDER) for fields in (line.split() for line in lines))


def _call(function: str, *arguments) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")
