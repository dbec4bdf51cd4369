"""Starting and stopping the processes of a node: what `swift-init` does, with the same commands.

A process is known by its file in STATE/run (`core.pidfile`).
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from pileus.core.clock import Clock
from pileus.core.pidfile import PidFile
from pileus.object_store.daemons import DAEMONS
from pileus.object_store.model.names import KINDS

MAIN = ["storage-server", "proxy-server"]
#: The same where each kind has a server of its own.
APART = [*(f"{kind}-server" for kind in KINDS), "proxy-server"]
REST = list(DAEMONS)
#: All daemons in one process: for small nodes.
TOGETHER = "daemons"
#: How long a process has to come up, and to go.
START_S, STOP_S = 10.0, 15.0


def named(names: Sequence[str], *, apart: bool = False) -> list[str]:
    """Servers by name, by group, or by the beginning of a name (`proxy`). `apart`: whether each kind has a server of its own.

    Raises ValueError for others."""
    main = APART if apart else MAIN
    every, groups = main + REST, {"main": main, "rest": REST, "all": main + REST}
    found: list[str] = []
    for name in names:
        group = groups.get(name) or [s for s in [*every, TOGETHER] if s in (name, f"{name}-server")] \
            or [s for s in every if name.rstrip("*") and s.startswith(name.rstrip("*")) and name.endswith("*")]
        if not group and any(s in (name, f"{name}-server") for s in APART + MAIN):
            raise ValueError(f"{name}: here {' and '.join(s for s in main if s != 'proxy-server')} "
                             f"{'have' if apart else 'has'} all kinds; account_listen and its like say so")
        if not group:
            raise ValueError(f"{name} is none of {', '.join([*groups, *every])}")
        found += [s for s in group if s not in found]
    if not found:
        raise ValueError("no server is named")
    return found


class Manager:
    """The processes of one node. `command` is how one is started: what is given, then the server's name."""

    def __init__(self, state: Path, clock: Clock, command: Sequence[str] = (), say: Callable[[str], None] = print):
        self.state, self.clock, self.say = state, clock, say
        self.command = [*(command or [sys.executable, "-m", "pileus", "object-store", "run"]), "--state", str(state)]

    def pid(self, name: str) -> int | None:
        """The process that is this server, if one is."""
        return PidFile(self.state / "run" / f"{name}.pid").pid()

    def together(self, name: str) -> int | None:
        """The process of all daemons, if one is and this is one of them."""
        return self.pid(TOGETHER) if name in REST else None

    def as_they_run(self, names: Sequence[str]) -> list[str]:
        """The names; where all daemons run in one process, that one for all of them."""
        if set(REST) <= set(names) and self.pid(TOGETHER) is not None:
            return [*(name for name in names if name not in (*REST, TOGETHER)), TOGETHER]
        return list(names)

    async def status(self, names: Sequence[str]) -> int:
        """Say which run; how many do not."""
        missing = 0
        for name in names:
            pid = self.pid(name)
            if pid is None and (among := self.together(name)):
                self.say(f"{name} running, with all daemons ({among})")
                continue
            self.say(f"{name} running ({pid})" if pid else f"No {name} running")
            missing += pid is None
        return missing

    async def start(self, names: Sequence[str], *, wait: bool = True, once: bool = False) -> int:
        """Start what does not run; how many did not come up. Without `wait` none is waited for."""
        begun: list[tuple[str, subprocess.Popen]] = []
        failed = 0
        for name in names:
            if (pid := self.pid(name) or self.together(name)) and not once:
                self.say(f"{name} running ({pid})")
                continue
            begun.append((name, self.spawn(name, once=once)))
            self.say(f"Starting {name}")
        for name, process in begun:
            if once:
                failed += await asyncio.to_thread(process.wait) != 0
            elif wait and not await self.until(partial(self.up, name, process), START_S):
                failed += 1
            elif wait and process.poll() is not None:
                self.say(f"{name} ended at once: {self.last_word(name)}; see {self.log(name)}")
                failed += 1
        return failed

    def log(self, name: str) -> Path:
        return self.state / "log" / f"{name}.log"

    def last_word(self, name: str) -> str:
        """The last line of a server's log: mostly it says why."""
        lines = self.log(name).read_text(errors="replace").split("\n") if self.log(name).exists() else []
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")

    def spawn(self, name: str, *, once: bool = False) -> subprocess.Popen:
        self.log(name).parent.mkdir(parents=True, exist_ok=True)
        with open(self.log(name), "ab") as out:
            return subprocess.Popen([*self.command, name, *(["--once"] if once else [])], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                    start_new_session=True)

    async def stop(self, names: Sequence[str], *, kill: bool = False) -> int:
        """End them: at once, or when what they are doing is done. How many are still there."""
        ending: list[tuple[str, int]] = []
        left = 0
        for name in names:
            if (pid := self.pid(name)) is None:
                among = self.together(name)
                self.say(f"{name} runs with all daemons ({among}): stop those" if among else f"No {name} running")
                left += among is not None
                continue
            self.say(f"Stopping {name} ({pid})")
            self.signal(pid, signal.SIGKILL if kill else signal.SIGTERM)
            ending.append((name, pid))
        for name, pid in ending:
            if not await self.until(partial(self.gone, name), STOP_S):
                self.say(f"{name} does not end; killing {pid}")
                self.signal(pid, signal.SIGKILL)
                left += not await self.until(partial(self.gone, name), STOP_S)
        return left

    async def reload(self, names: Sequence[str]) -> int:
        """Start anew, one after another: each is back before the next goes. No request of a server's is turned away meanwhile."""
        failed = 0
        for name in names:
            if name.endswith("-server") and (pid := self.pid(name)) is not None:
                failed += not await self._replace(name, pid)
            else:
                failed += await self.stop([name]) or await self.start([name])
        return failed

    async def _replace(self, name: str, pid: int) -> bool:
        """Have a successor listen on the same sockets, and only then end the old process: it finishes what it has begun."""
        beside = self.state / "run" / f"{name}.beside"
        beside.unlink(missing_ok=True)
        self.say(f"Reloading {name} ({pid})")
        self.signal(pid, signal.SIGUSR1)
        if not await self.until(lambda: beside.exists() or self.pid(name) != pid, START_S) or self.pid(name) != pid:
            self.say(f"the new {name} does not come up; the old one goes on. See {self.log(name)}")
            return False
        self.signal(pid, signal.SIGTERM)
        if not await self.until(lambda: self.pid(name) not in (None, pid), STOP_S):
            self.say(f"{name} does not end; killing {pid}")
            self.signal(pid, signal.SIGKILL)
        serves = self.state / "run" / f"{name}.ready"
        return await self.until(lambda: self.pid(name) not in (None, pid) and serves.exists(), STOP_S)

    def up(self, name: str, process: subprocess.Popen) -> bool:
        """Whether it serves, or never will."""
        return process.poll() is not None or (self.pid(name) is not None and (self.state / "run" / f"{name}.ready").exists())

    def gone(self, name: str) -> bool:
        return self.pid(name) is None

    def signal(self, pid: int, number: int) -> None:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass

    async def until(self, holds: Callable[[], bool], seconds: float) -> bool:
        end = self.clock.monotonic() + seconds
        while not holds():
            if self.clock.monotonic() > end:
                return False
            await self.clock.sleep(0.05)
        return True


class Marker:
    """The file that says that a server runs; held for as long as the process lives. Raises BlockingIOError when another runs.

    With `take_over` it becomes this process's when the other has ended.
    """

    def __init__(self, state: Path, name: str, *, take_over: bool = False):
        path = state / "run" / f"{name}.pid"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.mark = PidFile(path)
        self.serving, self.beside, self.take_over = path.with_suffix(".ready"), path.with_suffix(".beside"), take_over
        if not take_over:
            if not self.mark.take():
                raise BlockingIOError(f"another process is {name}")
            self.serving.unlink(missing_ok=True)

    def ready(self) -> None:
        """It serves now."""
        if self.take_over:
            self.beside.touch()
            threading.Thread(target=self._succeed, daemon=True).start()
        else:
            self.serving.touch()

    def _succeed(self) -> None:
        self.mark.take(wait=True)
        self.serving.unlink(missing_ok=True)
        self.beside.unlink(missing_ok=True)
        self.serving.touch()
