"""The saga generator: every way in which a saga can be interrupted, as parameters for a test.

A test builds a world, runs the saga under each `Interruption`, and then asserts a clean slate or a finished operation:

    @pytest.mark.parametrize("cut", interruptions(SAGA))
    async def test_any_interruption(cut): ...
"""

from __future__ import annotations

import contextlib

import msgspec

from pileus.core.errors import Unavailable
from pileus.core.saga import Saga, Sagas, Step


class Killed(BaseException):
    """The process died here."""


class Interruption(msgspec.Struct, frozen=True):
    """What goes wrong, and at which step: `before` or `after` the effect of `do`; `twice`: `do` runs two times; `kill`: the
    process dies at that step's journal write (before it is written, or where it would be)."""

    how: str
    step: int

    def __str__(self):
        return f"{self.how}-{self.step}"


class StepFailed(Unavailable):
    code, message, temporary = "test.step_failed", "The step failed as it was told to.", False


def interruptions(saga: Saga) -> list[Interruption]:
    """Each step failed before and after its effect and run twice; a kill at each journal write."""
    found = [Interruption(how, i) for i in range(len(saga.steps)) for how in ("before", "after", "twice", "kill")]
    return [Interruption("none", 0), *found, Interruption("kill", len(saga.steps))]


def interrupted(saga: Saga, cut: Interruption) -> Saga:
    """The saga with the failure built in. Kills are done by `arm`."""

    def sabotage(step: Step) -> Step:
        async def do(state, deps):
            if cut.how == "before":
                raise StepFailed()
            await step.do(state, deps)
            if cut.how == "after":
                raise StepFailed()
            if cut.how == "twice":
                await step.do(state, deps)

        do.__name__ = step.do.__name__
        return msgspec.structs.replace(step, do=do)

    steps = [msgspec.structs.replace(sabotage(s) if i == cut.step and cut.how in ("before", "after", "twice") else s, undo=_twice(s.undo))
             for i, s in enumerate(saga.steps)]
    return msgspec.structs.replace(saga, steps=steps)


def _twice(undo):
    """Every undo is run two times, always: it must be repeatable."""
    if undo is None:
        return None

    async def again(state, deps):
        await undo(state, deps)
        await undo(state, deps)

    return again


def arm(sagas: Sagas, saga: Saga, cut: Interruption) -> None:
    """Make the conductor die at the journal write of `cut.step` (its number of done steps before the write)."""
    if cut.how != "kill":
        return

    def trace(event, entry):
        if entry.saga == saga.name and entry.at == cut.step + (event == "save") and not getattr(sagas, "killed", False):
            sagas.killed = True
            raise Killed()

    sagas.trace = trace


async def settle(sagas: Sagas) -> None:
    """Let everything that runs end; after a kill, be the restarted process that resumes the journals."""
    while sagas.running:
        with contextlib.suppress(Killed):
            await sagas.drain()
        for task in list(sagas.running.values()):
            if task.done():
                with contextlib.suppress(BaseException):
                    task.result()
        if getattr(sagas, "killed", False):
            sagas.trace = None
    sagas.trace = None
    await sagas.resume(at_start=True)
    await sagas.drain()
