"""The dnsmasq process of each network: started, told, adopted, ended. Synchronous, for the kernel's thread.

A server is a child of the agent that outlives it: an agent that starts again finds it by its pid file and the command line
in /proc, or, when the files are gone, by the namespace that it runs in. The files are in a folder under /run: they mean
nothing after a reboot, and dnsmasq has to read them as nobody.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
from pathlib import Path

from pileus.network.datapath.linux import netns
from pileus.network.datapath.linux.model import Dhcp

STOP_TIMEOUT_S = 3
START_TIMEOUT_S = 5


class DhcpFailed(Exception):
    """dnsmasq did not start, and what it said."""


class Dnsmasq:
    """The DHCP servers of one cloud on this host. Counts what it starts and signals."""

    def __init__(self, run: Path):
        self.run = run
        self.actions = 0
        self._children: dict[str, subprocess.Popen] = {}

    def ensure(self, space: str, wanted: Dhcp) -> None:
        """The server of a namespace runs with these arguments and has read these files."""
        folder = self.run / space
        command = self._command(folder, wanted)
        changed = _write(folder, wanted.files)
        pid = self._running(space)
        if pid and _command_line(pid) == command:
            if changed:
                self.actions += 1
                os.kill(pid, signal.SIGHUP)
            return
        self.end(space, keep_files=True)
        self._start(space, folder, command)

    def end(self, space: str, *, keep_files: bool = False) -> None:
        """No server in the namespace, whoever started it. Its files go as well."""
        pids = {pid for pid in _processes_in(space) if _command_line(pid)[:1] == ["dnsmasq"]}
        if pid := self._running(space):
            pids.add(pid)
        for pid in pids:
            self.actions += 1
            _end(pid)
        if child := self._children.pop(space, None):
            child.wait(STOP_TIMEOUT_S)
        if not keep_files:
            shutil.rmtree(self.run / space, ignore_errors=True)

    def spaces(self) -> set[str]:
        """Namespaces that have files here."""
        return {path.name for path in self.run.iterdir()} if self.run.exists() else set()

    def _command(self, folder: Path, wanted: Dhcp) -> list[str]:
        files = (
            f"--pid-file={folder / 'pid'}",
            f"--dhcp-hostsfile={folder / 'hosts'}",
            f"--dhcp-optsfile={folder / 'options'}",
            f"--addn-hosts={folder / 'names'}",
        )
        return ["dnsmasq", *wanted.arguments, *files]

    def _running(self, space: str) -> int | None:
        """The server's pid, when the pid in its file is still a dnsmasq with our folder on its command line."""
        if child := self._children.get(space):
            if child.poll() is None:
                return child.pid
            del self._children[space]
        try:
            pid = int((self.run / space / "pid").read_text())
        except (OSError, ValueError):
            return None
        return pid if f"--pid-file={self.run / space / 'pid'}" in _command_line(pid) else None

    def _start(self, space: str, folder: Path, command: list[str]) -> None:
        self.actions += 1
        (folder / "pid").unlink(missing_ok=True)
        with open(folder / "log", "wb") as log, netns.inside(space):
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self._children[space] = child
        # It writes its pid file when it has opened its sockets; only then can it be told to read its files again.
        for _ in range(START_TIMEOUT_S * 100):
            if (folder / "pid").exists() or child.poll() is not None:
                break
            select.select([], [], [], 0.01)
        if child.poll() is not None:
            raise DhcpFailed(f"dnsmasq in {space}: {(folder / 'log').read_text(errors='replace')[-500:].strip()}")


def _write(folder: Path, files: dict[str, str]) -> bool:
    """Write what differs; whether anything did."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in (folder, folder.parent):
        path.chmod(0o755)
    changed = False
    for name, content in files.items():
        path = folder / name
        if not path.exists() or path.read_text() != content:
            new = folder / f".{name}"
            new.write_text(content)
            new.chmod(0o644)
            new.rename(path)
            changed = True
    return changed


def _end(pid: int) -> None:
    """End a process and wait for it, by a handle that cannot come to mean another process."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return
    try:
        for number in (signal.SIGTERM, signal.SIGKILL):
            signal.pidfd_send_signal(handle, number)
            if select.select([handle], [], [], STOP_TIMEOUT_S)[0]:
                return
    except ProcessLookupError:
        return
    finally:
        os.close(handle)


def _command_line(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
    except OSError:
        return []


def _processes_in(space: str) -> list[int]:
    """Every process in the namespace."""
    try:
        inode = netns.inode(space)
    except FileNotFoundError:
        return []
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if os.stat(f"/proc/{entry}/ns/net").st_ino == inode:
                    found.append(int(entry))
            except OSError:
                continue
    return found
