"""Long operations: a saga is a list of steps with `do` and `undo`, and a journal in the database.

Each step is journaled before the next begins; one that only changes the database is a single transaction with its journal
entry (`Step.atomic`). A crash at any instant leaves either a finished operation or a clean slate: whoever opens the cloud
again finishes or undoes every open journal. So
- `do` may be repeated, `undo` may be repeated and may run although its `do` never did;
- ids are chosen at creation and stored in the state before any effect that they name;
- stopping the process is not failure: the journal stays, and is taken up again.

A saga has a `subject` (a server's id): `Sagas.abort` makes a running saga of a subject fail at the next step boundary (or
at once, while a step waits), so that a delete wins over a create.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from pileus.core.clock import Clock
from pileus.core.db import METADATA, Database, Deadlock, Id, Json, Time
from pileus.core.errors import CloudError, Conflict, revive
from pileus.core.ids import Ids
from pileus.core.log import Log

log = Log("pileus.saga")

journal = sa.Table(
    "saga_journal", METADATA,
    Id("id", primary_key=True),
    sa.Column("saga", sa.String(64), nullable=False),
    Id("subject", nullable=False, index=True),
    sa.Column("state", Json, nullable=False),
    sa.Column("at", sa.Integer, nullable=False, default=0),           # steps that are done
    sa.Column("why", Json),                                            # set once: why it is being undone
    sa.Column("owner", sa.String(255), nullable=False),
    sa.Column("lease", Time, nullable=False),                          # until when the owner is believed to be alive
    sa.Column("begun_at", Time, nullable=False),
)
UPDATE = journal.update().where(journal.c.id == sa.bindparam("row"))
SAVE = UPDATE.values(state=sa.bindparam("state_"), at=sa.bindparam("at_"), lease=sa.bindparam("lease_"))
FAIL = UPDATE.values(why=sa.bindparam("why_"), state=sa.bindparam("state_"), at=sa.bindparam("at_"))
CLOSE = journal.delete().where(journal.c.id == sa.bindparam("row"))

Do = Callable[[Any, Any], Awaitable[None]]


class Aborted(Conflict):
    code, message = "saga.aborted", "The operation was given up in favour of another one."


class Step(msgspec.Struct, frozen=True):
    """One effect (`do(state, deps)`) and what takes it back.

    An `atomic` one awaits nothing but the database: it happens in one transaction with its journal entry. The step before it
    has no entry of its own: a crash before that transaction finds what a crash before that entry would find."""

    do: Do
    undo: Do | None = None
    atomic: bool = False

    @property
    def name(self) -> str:
        return self.do.__name__


class Saga(msgspec.Struct, frozen=True, kw_only=True):
    """A long operation: `failed(state, deps, error)` runs after everything has been undone, `abortable` says whether `abort` stops it."""

    name: str
    state: type[msgspec.Struct]
    steps: list[Step]
    failed: Callable[[Any, Any, CloudError], Awaitable[None]] | None = None
    abortable: bool = False


class Why(msgspec.Struct, frozen=True):
    """The error a saga is undone for, as it survives a crash: `message` is for users, `detail` is not."""

    code: str
    message: str
    detail: str = ""


class Entry(msgspec.Struct, kw_only=True):
    """An open journal."""

    id: str
    saga: str
    subject: str
    state: Any
    at: int = 0
    why: Why | None = None
    owner: str
    lease: datetime
    begun_at: datetime


class Sagas:
    """The conductor: starts sagas, keeps their journals, resumes what a crash interrupted."""

    LEASE = timedelta(seconds=60)

    def __init__(self, db: Database, clock: Clock, ids: Ids, owner: str):
        self.db, self.clock, self.ids, self.owner = db, clock, ids, owner
        self.kinds: dict[str, tuple[Saga, Any]] = {}
        self.running: dict[str, asyncio.Task] = {}
        self.subjects: dict[str, str] = {}             # entry id → subject, of the running ones
        self.aborting: set[str] = set()                # entry ids
        self._steps: dict[str, asyncio.Task] = {}      # what an abortable saga is waiting for
        self.stopping = False
        #: Called before each journal write, and where one is left out; tests kill here.
        self.trace: Callable[[str, Entry], None] | None = None

    def register(self, saga: Saga, deps: Any) -> None:
        self.kinds[saga.name] = (saga, deps)

    async def begin(self, saga: Saga, subject: str, state: msgspec.Struct) -> str:
        """Write the journal in the caller's transaction; the saga runs as soon as that is committed. Returns the entry's id."""
        now = self.clock.now()
        entry = Entry(id=self.ids.uuid(), saga=saga.name, subject=subject, state=state,
                      owner=self.owner, lease=now + self.LEASE, begun_at=now)
        await self.db.insert(journal, entry)
        self.db.after_commit(lambda: self._start(entry))
        return entry.id

    async def resume(self, *, at_start: bool = False) -> str | None:
        """Take up open journals that nobody runs: all of ours at start, those with an expired lease at any time."""
        now, taken = self.clock.now(), 0
        if self.running:
            await self.db.execute(journal.update().where(journal.c.id.in_(list(self.running))).values(lease=now + self.LEASE))
        for entry in await self.db.all(Entry, sa.select(journal)):
            if entry.id in self.running or entry.saga not in self.kinds:
                continue
            if entry.lease < now or (entry.owner == self.owner and (at_start or entry.why is not None)):
                as_found = journal.update().where(journal.c.id == entry.id, journal.c.lease == entry.lease)
                held = await self.db.execute(as_found.values(owner=self.owner, lease=now + self.LEASE))
                if held:
                    entry.state = msgspec.convert(entry.state, self.kinds[entry.saga][0].state)
                    self._start(entry)
                    taken += 1
        return f"took up {taken}" if taken else None

    async def abort(self, subject: str) -> None:
        """Have the abortable sagas of a subject undone. Returns when they are; those that cannot be aborted are waited for."""
        for entry_id in [e for e, s in self.subjects.items() if s == subject]:
            entry_task = self.running.get(entry_id)
            if entry_task is None or entry_task is asyncio.current_task():
                continue
            if getattr(entry_task, "abortable", False):
                self.aborting.add(entry_id)
                if (step := self._steps.get(entry_id)) is not None:
                    step.cancel()
            await asyncio.wait([entry_task])

    async def wait(self, entry_id: str) -> None:
        """Wait for a saga of this process to end; raises the error it was undone for. One that is not running has ended."""
        task = self.running.get(entry_id)
        if task is not None and (error := await asyncio.shield(task)) is not None:
            raise error

    async def open(self, subject: str | None = None) -> list[Entry]:
        stmt = sa.select(journal) if subject is None else sa.select(journal).where(journal.c.subject == subject)
        return await self.db.all(Entry, stmt)

    async def drain(self) -> None:
        """Wait until nothing runs."""
        while self.running:
            await asyncio.wait(list(self.running.values()))

    async def stop(self) -> None:
        """Let go: journals stay and are taken up at the next start."""
        self.stopping = True
        for task in list(self.running.values()):
            task.cancel()
        await asyncio.gather(*self.running.values(), return_exceptions=True)

    # ---- running one -------------------------------------------------------------------------------------------------
    def _start(self, entry: Entry) -> None:
        saga, deps = self.kinds[entry.saga]
        task = asyncio.create_task(self._run(saga, deps, entry), name=f"{saga.name}:{entry.subject}")
        task.abortable = saga.abortable                # type: ignore[attr-defined]
        self.running[entry.id], self.subjects[entry.id] = task, entry.subject
        task.add_done_callback(lambda _: self._ended(entry.id))

    def _ended(self, entry_id: str) -> None:
        self.running.pop(entry_id, None)
        self.subjects.pop(entry_id, None)
        self.aborting.discard(entry_id)

    async def _run(self, saga: Saga, deps: Any, entry: Entry) -> CloudError | None:
        """Carry out every step, or undo every step that may have begun; returns what it was undone for. Safe to call again
        after a crash."""
        error: CloudError | None = None
        try:
            while entry.at < len(saga.steps) and entry.why is None:
                step = saga.steps[entry.at]
                try:
                    await (self._do_whole(step, entry, deps) if step.atomic else self._do(step, entry, deps))
                except Deadlock:
                    continue                           # a step may be repeated: that is all it takes
                except Exception as failure:
                    error = failure if isinstance(failure, CloudError) else CloudError(detail=repr(failure))
                    if not isinstance(failure, CloudError):
                        log.exception("saga step broke", saga=saga.name, step=step.name, subject=entry.subject)
                    await self._fail(entry, error)
                    break
                if not step.atomic:
                    entry.at += 1
                    await self._journal(saga, entry)
            if entry.why is not None:
                error = error or revive(entry.why.code, {}, entry.why.message, entry.why.detail)
                await self._undo(saga, deps, entry, error)
                await self._close(entry)
        except asyncio.CancelledError:
            raise
        except Exception as stuck:
            error = error or CloudError(detail=repr(stuck))
            # An undo that raised: the journal stays, and `resume` tries again.
            log.exception("saga could not be undone yet", saga=saga.name, subject=entry.subject)
        return error

    async def _do(self, step: Step, entry: Entry, deps: Any) -> None:
        if entry.id in self.aborting:
            raise Aborted()
        saga, _ = self.kinds[entry.saga]
        if not saga.abortable:
            return await step.do(entry.state, deps)
        # A task of its own, so that an abort can cut the wait short without ending the saga itself.
        self._steps[entry.id] = task = asyncio.ensure_future(step.do(entry.state, deps))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if entry.id in self.aborting and not self.stopping:
                raise Aborted() from None
            task.cancel()
            raise
        finally:
            self._steps.pop(entry.id, None)

    async def _do_whole(self, step: Step, entry: Entry, deps: Any) -> None:
        """An atomic step with its journal entry. Nothing is waited for that an abort would have to cut short."""
        if entry.id in self.aborting:
            raise Aborted()
        at = entry.at
        try:
            async with self.db.transaction():
                await step.do(entry.state, deps)
                entry.at += 1
                await self._journal(self.kinds[entry.saga][0], entry)
        except BaseException:
            entry.at = at
            raise

    async def _undo(self, saga: Saga, deps: Any, entry: Entry, error: CloudError) -> None:
        for step in reversed(saga.steps[: entry.at + 1]):      # the failing step may be half done
            if step.undo is not None:
                await step.undo(entry.state, deps)
        if saga.failed is not None:
            await saga.failed(entry.state, deps, error)

    async def _journal(self, saga: Saga, entry: Entry) -> None:
        """Write down how far it is, unless that comes with the next step. After the last one nothing is left to be remembered: a
        crash in between repeats that step."""
        if entry.at == len(saga.steps):
            return await self._close(entry)
        self._traced("save", entry)
        if not saga.steps[entry.at].atomic:
            lease = self.clock.now() + self.LEASE
            await self.db.execute(SAVE, {"row": entry.id, "state_": entry.state, "at_": entry.at, "lease_": lease})

    async def _fail(self, entry: Entry, error: CloudError) -> None:
        entry.why = Why(error.code, str(error), error.detail)
        self._traced("fail", entry)
        await self.db.execute(FAIL, {"row": entry.id, "why_": entry.why, "state_": entry.state, "at_": entry.at})

    async def _close(self, entry: Entry) -> None:
        self._traced("close", entry)
        await self.db.execute(CLOSE, {"row": entry.id})

    def _traced(self, event: str, entry: Entry) -> None:
        if self.trace is not None:
            self.trace(event, entry)
