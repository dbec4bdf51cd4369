"""The Linux datapath: bridges, namespaces, nftables and dnsmasq of one host, for the event loop.

All work with the kernel is done by one thread of its own, one call after the other: the loop never waits for it, and the
thread may move between namespaces, which nothing else in the process can then be surprised by. pyroute2 is imported when
the driver starts.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from pileus.core.clock import Clock
from pileus.network.datapath.base import DatapathFailed, HostNetworks, Listen, Listener
from pileus.network.datapath.linux import names
from pileus.network.datapath.linux.model import Options

if TYPE_CHECKING:
    from pileus.network.datapath.linux.worker import Worker

log = logging.getLogger(__name__)


class Linux:
    def __init__(
        self,
        options: Options,
        *,
        run: Path = Path("/run/pileus"),
        host: str = "",
        listener: Listener | None = None,
        clock: Clock | None = None,
        remember_s: float = 300,
    ):
        """`run`: a folder for what means nothing after a reboot; dnsmasq reads it as nobody.
        `host`: the network namespace that plays the host; empty: the one we are in. `listener`: what answers metadata.
        `remember_s`: how long to believe that nobody else changed anything; the first `apply` after that looks at everything.
        """
        if not names.TAG.fullmatch(options.tag):
            raise ValueError(f"{options.tag!r} cannot be the tag of a cloud: letters and digits, at most 20, a letter first")
        self.options = options
        self._run_folder, self._host, self._listener = run / options.tag, host, listener
        self._clock, self._remember_s = clock, remember_s
        self._lock = asyncio.Lock()
        self._thread: ThreadPoolExecutor | None = None
        self.worker: Worker | None = None

    async def start(self) -> None:
        async with self._lock:
            if self.worker is None:
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="datapath")
                try:
                    self.worker = await self._do(self._take_up)
                except BaseException:
                    self._thread.shutdown(wait=False)
                    self._thread = None
                    raise

    async def stop(self) -> None:
        async with self._lock:
            await self._listen({})
            if self._thread:
                if self.worker:
                    await self._do(self.worker.let_go)
                await asyncio.to_thread(self._thread.shutdown)
            self._thread = self.worker = None

    async def apply(self, wanted: HostNetworks) -> frozenset[str]:
        async with self._lock:
            done = await self._do(self._at_work().apply, wanted)
            failures = [*done.failures, *await self._listen(done.listen)]
        self._report(failures, done.wired)
        return done.wired

    async def clear(self) -> None:
        async with self._lock:
            await self._listen({})
            failures = await self._do(self._at_work().clear)
        self._report(failures, frozenset())

    async def look_again(self) -> None:
        """Believe nothing of what is remembered: the next `apply` looks at everything, and mends what others changed."""
        async with self._lock:
            await self._do(self._at_work().forget)

    # -- helpers ---------------------------------------------------------------------------------------------------

    def _take_up(self) -> Worker:
        from pileus.network.datapath.linux.worker import Worker

        return Worker(self.options, self._run_folder, self._host, self._clock, self._remember_s)

    def _at_work(self) -> Worker:
        if self.worker is None:
            raise DatapathFailed(what="be changed before it was started")
        return self.worker

    async def _do(self, function, *arguments):
        """Run it on the kernel's thread. Whatever goes wrong there has one name outside, and nothing is taken for granted then."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)
        except DatapathFailed:
            raise
        except Exception as failure:
            log.exception("datapath: %s", failure)
            if self.worker:
                self.worker.forget()
            raise DatapathFailed(what="be changed", detail=repr(failure)) from failure

    async def _listen(self, wanted: dict[str, Listen]) -> list[tuple[str, str]]:
        """Answer metadata in these namespaces and in no other; returns what failed."""
        failures: list[tuple[str, str]] = []
        if self._listener is None:
            return failures
        for where, listen in self._listener.listening().items():
            if wanted.get(where) != listen:
                await self._listener.close(where)
        for where, listen in wanted.items():
            if where not in self._listener.listening():
                try:
                    await self._listener.open(where, listen, await self._do(self._at_work().open_socket, where, listen))
                except DatapathFailed as failure:
                    failures.append((f"listen in {where}", failure.detail))
        return failures

    def _report(self, failures: list[tuple[str, str]], wired: frozenset[str]) -> None:
        if failures:
            detail = "; ".join(f"{what}: {why}" for what, why in failures)
            log.warning("datapath: %s", detail)
            raise DatapathFailed(what=failures[0][0], detail=detail, wired=wired)
