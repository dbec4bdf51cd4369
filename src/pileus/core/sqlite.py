"""Compiled statements straight to the sqlite3 module, in a fraction of the time that SQLAlchemy's execution of them takes; and
checkpoints beside the loop.

SQLAlchemy still compiles every statement, caches it by its shape, and brings parameters and types into the database's form;
only what it does around the cursor (contexts, events, result proxies) is left out. It leans on parts of SQLAlchemy that are
not its public interface, so it takes on only plain statements (`prepare` returns None for all others, which then go the
ordinary way), `pyproject.toml` holds SQLAlchemy to the minor version it was written against, and `tests/core/test_db.py`
holds both ways to the same answers.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from threading import Thread
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.sql.compiler import SQLCompiler

#: Where SQLAlchemy will put the values of an `IN`, when it knows how many there are.
LISTED = re.compile(r"__\[POSTCOMPILE_([^\s~]+?)\]")


class Shape:
    """What is the same for all statements of one shape."""

    __slots__ = ("compiled", "converters", "last", "pieces", "plain", "processors", "row")

    def __init__(self, compiled: SQLCompiler, dialect: sa.Dialect):
        self.compiled = compiled
        self.processors: Mapping[str, Any] = compiled._bind_processors
        self.plain = isinstance(compiled, SQLCompiler) and not (
            compiled.insert_prefetch or compiled.update_prefetch or compiled.effective_returning or compiled.literal_execute_params
            or compiled.isplaintext or compiled._textual_ordered_columns or compiled._loose_column_name_matching)
        names = [str(column.keyname) for column in compiled._result_columns]
        row: Any = namedtuple("Row", names, rename=True)       # type: ignore[misc]  # its names are known only now
        self.row = row
        self.plain = self.plain and list(row._fields) == names
        found = [column.type._cached_result_processor(dialect, None) for column in compiled._result_columns]
        self.converters = [(i, convert) for i, convert in enumerate(found) if convert is not None]
        self.pieces = LISTED.split(compiled.string) if "__[POSTCOMPILE" in compiled.string and "~~" not in compiled.string else []
        self.last: tuple[list[int], str] = ([], "")

    def spread(self, values: Mapping[str, Any]) -> tuple[str, tuple] | None:
        """The text for lists of these lengths, and the values in order; None for what has to go the ordinary way: an empty list."""
        names, processors = self.pieces[1::2], self.processors
        lists = [values[name] for name in names]
        if not names or not all(lists) or any(isinstance(one[0], (tuple, list)) for one in lists):
            return None
        lengths = [len(one) for one in lists]
        if self.last[0] != lengths:
            marks = [", ".join("?" * length) for length in lengths]
            self.last = lengths, "".join(piece for both in zip(self.pieces[::2], [*marks, ""], strict=True) for piece in both)
        found: list[Any] = []
        for key in self.compiled.positiontup or ():
            given = values[key] if key in names else (values[key],)
            found += map(processors[key], given) if key in processors else given
        return self.last[1], tuple(found)

    def shown(self, values: list[tuple]) -> list[Any]:
        """Rows as named tuples, with their types' values."""
        return [self.row._make(value) for value in self._converted(values)]

    def named(self, values: list[tuple]) -> list[dict[str, Any]]:
        """Rows as dicts, with their types' values: what records are made of."""
        names = self.row._fields
        return [dict(zip(names, value, strict=True)) for value in self._converted(values)]

    def _converted(self, values: list[tuple]) -> Iterable[Sequence[Any]]:
        if not self.converters:
            return values
        rows = []
        for value in values:
            converted = list(value)
            for i, convert in self.converters:
                if converted[i] is not None:
                    converted[i] = convert(converted[i])
            rows.append(converted)
        return rows


class Plan:
    """How the parameters of one statement become its values. Most statements are made once and used for ever, each time with
    parameters of the same names: then all but their values is known."""

    __slots__ = ("given", "shape", "sources", "values")

    def __init__(self, shape: Shape, params: Mapping[str, Any], values: Mapping[str, Any]):
        self.shape, self.values = shape, dict(values)
        named = {name: bind.key if bind.key in params else name for bind, name in shape.compiled.bind_names.items()}
        self.given = {name: key for name, key in named.items() if key in params}
        #: For each place the parameter and what brings it into the database's form, or the value that is always the same.
        self.sources = [] if shape.pieces else [self._source(name) for name in shape.compiled.positiontup or ()]

    def _source(self, name: str) -> tuple[str | None, Callable | None, Any]:
        process, key = self.shape.processors.get(name), self.given.get(name)
        return (key, process, None) if key else (None, None, process(self.values[name]) if process else self.values[name])

    def filled(self, params: Mapping[str, Any]) -> tuple[str, tuple, Shape] | None:
        """As `Shapes.prepare`."""
        if not self.shape.pieces:
            values = [fixed if key is None else params[key] if process is None else process(params[key])
                      for key, process, fixed in self.sources]
            return self.shape.compiled.string, tuple(values), self.shape
        spread = self.shape.spread(self.values | {name: params[key] for name, key in self.given.items()})
        return (*spread, self.shape) if spread is not None else None


class Shapes:
    """The shapes seen so far, by statement: SQLAlchemy's own key decides what is the same."""

    MOST = 4000

    def __init__(self, dialect: sa.Dialect):
        self.dialect = dialect
        self._compiled: dict[Any, Any] = {}
        self._shapes: dict[int, Shape] = {}
        #: By the names of parameters; empty for a statement that was seen once. They go when their statement does.
        self._plans: WeakKeyDictionary[Any, dict[tuple[str, ...], Plan]] = WeakKeyDictionary()

    def prepare(self, stmt: Any, params: Mapping[str, Any] | None) -> tuple[str, tuple, Shape] | None:
        """The text, the values in order, and the shape; None for what has to go the ordinary way."""
        plans, given = self._plans.get(stmt), params or {}
        if plans and (plan := plans.get(tuple(given))) is not None and (filled := plan.filled(given)) is not None:
            return filled
        compile_: Callable | None = getattr(stmt, "_compile_w_cache", None)
        if compile_ is None or not (params is None or isinstance(params, Mapping)):
            return None
        if len(self._shapes) > self.MOST:
            self._compiled.clear()
            self._shapes.clear()
            self._plans.clear()
        columns = sorted(given)
        compiled, extracted, collected, _ = compile_(self.dialect, compiled_cache=self._compiled, column_keys=columns,
                                                     for_executemany=False)
        shape = self._shapes.get(id(compiled))
        if shape is None or shape.compiled is not compiled:
            if not isinstance(compiled, SQLCompiler):
                return None
            shape = self._shapes[id(compiled)] = Shape(compiled, self.dialect)
        if not shape.plain or collected:
            return None
        values = compiled.construct_params(params, extracted_parameters=extracted, escape_names=False)
        if plans is None:
            self._plans[stmt] = {}
        elif not any(bind.callable for bind in compiled.bind_names):
            plans[tuple(given)] = Plan(shape, given, values)
        text, processors = compiled.string, shape.processors
        order: Sequence[str] | None = compiled.positiontup
        if compiled.post_compile_params:
            if (spread := shape.spread(values)) is not None:
                return *spread, shape
            expanded = compiled._process_parameters_for_postcompile(values)
            text, order, processors = expanded.statement, expanded.positiontup, {**processors, **expanded.processors}
        return text, tuple([processors[key](values[key]) if key in processors else values[key] for key in order or ()]), shape


class Checkpoints:
    """Moves what was written from the log into the database's file, in a thread: that waits for the disk, for which no request
    should have to wait. Reading and writing go on meanwhile. The writer itself only does it for a log that got LONG, and then
    most of that has been moved already."""

    #: Changes after which there is something to move, and pages of a long log.
    EVERY, LONG = 500, 16_384

    def __init__(self, file: str):
        self.file, self.changes = file, 0
        self._thread: Thread | None = None

    def changed(self) -> None:
        self.changes += 1
        if self.changes >= self.EVERY and (self._thread is None or not self._thread.is_alive()):
            self.changes, self._thread = 0, Thread(target=self._move, name="checkpoint", daemon=True)
            self._thread.start()

    def finish(self) -> None:
        if self._thread is not None:
            self._thread.join()

    def _move(self) -> None:
        with suppress(sqlite3.Error), closing(sqlite3.connect(self.file)) as connection:      # the writer meets the same problem
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
