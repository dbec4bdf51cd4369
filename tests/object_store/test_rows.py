"""Rows of containers: those that come together are written together."""

# SPDX-License-Identifier: Apache-2.0
import asyncio
from pathlib import Path

import pytest

from pileus.object_store.storage.container.rows import Rows
from pileus.object_store.storage.server import Target
from pileus.object_store.wire.status import plain

TARGET = Target(device="d1", root=Path("."), partition=1, account="a", container="c", object=None, hash="0" * 32)


class Database:
    """Notes what is written; `refuses` a name."""

    def __init__(self, refuses: str = ""):
        self.written: list[list[str]] = []
        self.refuses = refuses
        self.begun = asyncio.Event()

    async def write(self, target, rows):
        names = [row["name"] for row in rows]
        self.written.append(names)
        self.begun.set()
        await asyncio.sleep(0)
        if self.refuses in names:
            raise OSError("no room")
        return plain(201)


async def test_what_comes_while_one_is_written_goes_in_together_and_in_order():
    database = Database()
    rows = Rows(database.write)
    first = asyncio.ensure_future(rows.add(TARGET, {"name": "0"}))
    await database.begun.wait()
    answers = await asyncio.gather(*(rows.add(TARGET, {"name": str(n)}) for n in range(1, 10)))
    assert {answer.status for answer in (await first, *answers)} == {201}
    assert database.written == [["0"], [str(n) for n in range(1, 10)]]
    assert not rows.next and not rows.last


async def test_everybody_hears_of_a_failure_and_the_next_batch_is_written():
    database = Database(refuses="bad")
    rows = Rows(database.write)
    answers = await asyncio.gather(*(rows.add(TARGET, {"name": name}) for name in ("good", "bad")), return_exceptions=True)
    assert [type(answer) for answer in answers] == [OSError, OSError]
    assert (await rows.add(TARGET, {"name": "later"})).status == 201


async def test_who_goes_away_takes_nobody_along():
    database = Database()
    rows = Rows(database.write)
    impatient, patient = (asyncio.ensure_future(rows.add(TARGET, {"name": name})) for name in ("a", "b"))
    await asyncio.sleep(0)
    impatient.cancel()
    assert (await patient).status == 201
    with pytest.raises(asyncio.CancelledError):
        await impatient
    assert database.written == [["a", "b"]]
