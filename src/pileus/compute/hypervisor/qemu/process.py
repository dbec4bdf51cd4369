"""Starting QEMU, recognising it later, and ending it: by pidfd only, never by a number that may be somebody else's.

A guest's process is the one whose arguments name the guest's own pid file (`-pidfile`). The arguments are the proof, and
the content of the file is never used: it would be one more thing that can be stale. PID 1 may reap orphans late, so a
process has ended when its pidfd says so, zombie or not.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path


class Process:
    """A process that was ours when this was made. The pidfd stays that process's, even after its number is used again."""

    def __init__(self, pid: int, pidfd: int):
        self.pid = pid
        self.ended = asyncio.Event()
        self._pidfd: int | None = pidfd
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(pidfd, self._end)

    def kill(self) -> None:
        """At once and unconditionally; harmless when it has ended."""
        if self._pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def close(self) -> None:
        """Stop watching; the process goes on."""
        if self._pidfd is not None:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None

    def _end(self) -> None:
        assert self._pidfd is not None
        with contextlib.suppress(ChildProcessError):  # an adopted guest is the child of PID 1
            os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG)
        self.close()
        self.ended.set()


def launch(argv: Sequence[str], *, log: Path, fds: dict[int, int]) -> int:
    """Start a process that outlives us and holds nothing of ours but `fds` (its number → ours). Returns its pid."""
    # Copies with high numbers first: ours might have the very number that another one is to get.
    high = {its: fcntl.fcntl(ours, fcntl.F_DUPFD_CLOEXEC, 64) for its, ours in fds.items()}
    actions: list[tuple] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.fspath(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
        *((os.POSIX_SPAWN_DUP2, ours, its) for its, ours in high.items()),
    ]
    try:
        return os.posix_spawn(
            argv[0], list(argv), os.environ, file_actions=actions, setsid=True, setsigmask=(), setsigdef=(signal.SIGPIPE,)
        )
    finally:
        for ours in high.values():
            os.close(ours)


def adopt(folder: Path, pid: int) -> Process | None:
    """The process, when it is the guest of this folder; else None."""
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    # Looked at after the pidfd was opened: were the number reused in between, this would be of the process we hold.
    if _folder_of(f"/proc/{pid}") == folder:
        return Process(pid, pidfd)
    os.close(pidfd)
    return None


def running(guests: Path) -> dict[str, int]:
    """Of all processes of this host: those that run a guest of this folder, by guest id."""
    found = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal() and (folder := _folder_of(entry.path)) and folder.parent == guests:
            found[folder.name] = int(entry.name)
    return found


def _folder_of(proc: str) -> Path | None:
    """The folder of the guest that a process runs. A zombie has no arguments: it runs nothing any more."""
    try:
        arguments = _arguments(proc).split(b"\0")
        return Path(os.fsdecode(arguments[arguments.index(b"-pidfile") + 1])).parent
    except (OSError, ValueError):
        return None


def _arguments(proc: str) -> bytes:
    """A process that becomes another program, as `setpriv` becomes QEMU, has none for an instant; but it has a program."""
    for _ in range(1000):
        with open(f"{proc}/cmdline", "rb") as file:
            if arguments := file.read():
                return arguments
        os.readlink(f"{proc}/exe")                    # a zombie and a thread of the kernel have no program: OSError
        os.sched_yield()
    return b""


async def end(folder: Path, pid: int | None) -> None:
    """End the process of a guest that nobody looks after, if it has one."""
    if pid is not None and (proc := adopt(folder, pid)) is not None:
        proc.kill()
        await proc.ended.wait()


def listen(folder: Path, name: str) -> socket.socket:
    """A listening unix socket at `folder/name`, replacing what a dead process left there."""
    sock = socket.socket(socket.AF_UNIX)
    try:
        (folder / name).unlink(missing_ok=True)
        with _short(folder, name) as path:
            sock.bind(path)
            os.chmod(path, 0o600)
        sock.listen(1)
    except BaseException:
        sock.close()
        raise
    return sock


def connect(folder: Path, name: str) -> socket.socket | None:
    """A connected non-blocking socket, before anybody took the connection; None when nobody listens or too many wait."""
    sock = socket.socket(socket.AF_UNIX)
    sock.setblocking(False)
    try:
        with _short(folder, name) as path:
            sock.connect(path)
    except (FileNotFoundError, ConnectionRefusedError, BlockingIOError):
        sock.close()
        return None
    return sock


@contextlib.contextmanager
def _short(folder: Path, name: str) -> Iterator[str]:
    """A path of a few bytes for a file in a folder: a socket's path may have 107 bytes at most, a folder's 4095."""
    fd = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{fd}/{name}"
    finally:
        os.close(fd)
