"""The database facade: SQLAlchemy Core statements in, frozen Structs out. No ORM, no lazy loading, no second fake database.

SQLite runs *in the event loop* on one connection: a statement costs tens of microseconds, a hop to a thread ten times that.
So between the `BEGIN` and the `COMMIT` of a transaction nothing but the database may be awaited, or another task's
statements would join it. That mistake is loud: the transaction is rolled back and `TransactionAwaited` raised at the one
who made it. PostgreSQL and MySQL have a pool; a transaction there belongs to the task that opened it.

Stores are the only modules that build statements; services open transactions.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar, cast

import msgspec
import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from pileus.core import statements
from pileus.core.errors import CloudError, Conflict, Invalid
from pileus.core.sqlite import Checkpoints, Shapes

T = TypeVar("T")

#: All tables of all services; each service's `store` declares its own on it.
METADATA = sa.MetaData(naming_convention={
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
})


class Duplicate(Conflict):
    """A unique key is taken. Services turn it into their own words."""

    code, message = "db.duplicate", "The resource already exists."


class Deadlock(CloudError):
    """Two transactions waited for each other and this one was undone: the same again will do. PostgreSQL and MySQL only."""

    status, code, message, temporary = 503, "db.deadlock", "The request met another one; try again.", True


class Unfit(Invalid):
    """Services look at lengths themselves; this is for the one that was forgotten. SQLite takes any."""

    code, message = "db.unfit", "A value is too long, out of range, or has characters that cannot be kept."


class TransactionAwaited(CloudError):
    code, message = "db.transaction_awaited", "A transaction awaited something other than the database."


class Time(TypeDecorator):
    """A moment, stored as ISO 8601 text in UTC with six decimals: it sorts as text and is the same in every database."""

    impl = sa.String(27)
    cache_ok = True

    def process_bind_param(self, value, dialect):
        if isinstance(value, datetime):
            return value.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"
        return value


class Json(TypeDecorator):
    """Any JSON value as text (MySQL: MEDIUMTEXT)."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect):
        return dialect.type_descriptor(sa.Text(1 << 20) if dialect.name in ("mysql", "mariadb") else sa.Text())

    def process_bind_param(self, value, dialect):
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value, dialect):
        return None if value is None else msgspec.json.decode(value)

    def result_processor(self, dialect, coltype):
        """As `process_result_value` has it, without the two calls around it: lists have thousands of such values."""
        decode = msgspec.json.decode
        return lambda value: None if value is None else decode(value)


def Id(name: str, *args: Any, **kw: Any) -> sa.Column:
    """A column that holds an id: 64 characters are enough for any OpenStack service's."""
    return sa.Column(name, sa.String(64), *args, **kw)


def row(record: msgspec.Struct | Mapping[str, Any]) -> dict[str, Any]:
    """A record as column values: nested Structs and enums become plain values, moments stay moments."""
    fields = {f: getattr(record, f) for f in record.__struct_fields__} if isinstance(record, msgspec.Struct) else record
    return {k: v if v is None or isinstance(v, (str, int, float, bool, datetime)) else msgspec.to_builtins(v) for k, v in fields.items()}


def record(kind: type[T], found: sa.Row) -> T:
    return msgspec.convert(_named([found])[0], kind)


def _named(found: Sequence[sa.Row]) -> list[dict[str, Any]]:
    """Rows of one statement as dicts: a row looked at as a mapping takes seven times as long."""
    names = [str(name) for name in found[0]._fields] if found else []     # plain strings: SQLAlchemy has a kind of its own
    return [dict(zip(names, one, strict=True)) for one in found]


class Database:
    """One database. Made by `Database.open`; every method is a coroutine, whatever the engine."""

    def __init__(self, backend: _Backend):
        self.backend = backend
        self._after: ContextVar[list | None] = ContextVar("after_commit", default=None)

    @classmethod
    async def open(cls, url: str) -> Database:
        """`url`: sqlite:///path, sqlite:// (memory), postgresql+asyncpg://…, mysql+asyncmy://…"""
        return cls(_Sqlite(url) if url.startswith("sqlite") else _Pooled(url))

    @property
    def dialect(self) -> str:
        return self.backend.dialect

    async def close(self) -> None:
        await self.backend.close()

    async def create_schema(self) -> None:
        """Make all tables that are missing."""
        await self.backend.run_sync(lambda c: METADATA.create_all(c, checkfirst=True))

    async def run_sync(self, fn: Callable[[sa.Connection], T]) -> T:
        """Run a function on a plain SQLAlchemy connection in a transaction of its own: for migrations and schema questions."""
        return await self.backend.run_sync(fn)

    async def one(self, kind: type[T], stmt: sa.Executable, params: Mapping[str, Any] | None = None) -> T | None:
        """The first row as a `kind`, or None."""
        found = await self.backend.named(stmt, params, first=True)
        return msgspec.convert(found[0], kind) if found else None

    async def all(self, kind: type[T], stmt: sa.Executable, params: Mapping[str, Any] | None = None) -> list[T]:
        return msgspec.convert(await self.backend.named(stmt, params), list[kind])     # type: ignore[valid-type]

    async def rows(self, stmt: sa.Executable, params: Mapping[str, Any] | None = None) -> Sequence[sa.Row]:
        """Rows as they are: for a few columns, sums and joins."""
        return await self.backend.fetch(stmt, params)

    async def scalar(self, stmt: sa.Executable, params: Mapping[str, Any] | None = None) -> Any:
        found = await self.backend.fetch(stmt, params, first=True)
        return found[0][0] if found else None

    async def execute(self, stmt: sa.Executable, params: Any = None) -> int:
        """Carry out a change; returns how many rows it touched. Raises Duplicate when a unique key is taken."""
        return await self.backend.execute(stmt, params)

    async def insert(self, table: sa.Table, record: msgspec.Struct | Mapping[str, Any], **more: Any) -> None:
        """Insert a record (fields that the table lacks are left out). Raises Duplicate."""
        values = row(record) | more
        await self.backend.execute(statements.insert(table), {k: v for k, v in values.items() if k in table.c})

    async def find(self, kind: type[T], table: sa.Table, **key: Any) -> T | None:
        """The row whose columns equal the key (no None in it), or None."""
        return await self.one(kind, statements.select(table, *key), statements.keyed(key))

    async def update(self, table: sa.Table, key: dict[str, Any], **values: Any) -> int:
        """Set columns of the rows of a key to plain values; returns how many rows. Raises Duplicate."""
        return await self.backend.execute(statements.update(table, tuple(key), tuple(values)),
                                          statements.keyed(key) | statements.changed(values))

    async def delete(self, table: sa.Table, **key: Any) -> int:
        """Remove the rows of a key; returns how many."""
        return await self.backend.execute(statements.delete(table, *key), statements.keyed(key))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """All or nothing. Inside another transaction it is a part of that one."""
        if self._after.get() is not None:
            yield
            return
        after: list[Callable[[], Any]] = []
        token = self._after.set(after)
        try:
            async with self.backend.transaction():
                yield
        finally:
            self._after.reset(token)
        for callback in after:
            callback()

    @property
    def in_transaction(self) -> bool:
        """Whether the caller is inside a transaction: what it reads may yet be undone."""
        return self._after.get() is not None

    def after_commit(self, callback: Callable[[], Any]) -> None:
        """Call `callback` when the transaction around has been committed (at once, when there is none); never if it is undone."""
        after = self._after.get()
        if after is None:
            callback()
        else:
            after.append(callback)


class _Backend(Protocol):
    dialect: str

    async def fetch(self, stmt: Any, params: Any, first: bool = False) -> Sequence[sa.Row]: ...
    async def named(self, stmt: Any, params: Any, first: bool = False) -> list[dict[str, Any]]: ...
    async def execute(self, stmt: Any, params: Any) -> int: ...
    async def run_sync(self, fn: Callable[[sa.Connection], T]) -> T: ...
    async def close(self) -> None: ...
    def transaction(self) -> Any: ...


class _Sqlite(_Backend):
    """SQLite in the loop, on one connection."""

    dialect = "sqlite"

    def __init__(self, url: str):
        file = sa.make_url(url).database or ":memory:"
        if file != ":memory:":
            os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))       # it has what nobody else on this machine is to see
        self.engine = sa.create_engine(url, poolclass=sa.pool.StaticPool, isolation_level="AUTOCOMMIT",
                                       connect_args={"check_same_thread": False, "cached_statements": 1000}, hide_parameters=True)
        self.connection = self.engine.connect()
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000",
                       "cache_size=-16000", "temp_store=MEMORY", f"wal_autocheckpoint={Checkpoints.LONG}"):
            self.connection.exec_driver_sql(f"PRAGMA {pragma}")
        self.raw = cast(sqlite3.Connection, self.connection.connection.driver_connection)
        self.shapes = Shapes(self.engine.dialect)
        self.checkpoints = Checkpoints(file) if file != ":memory:" else None
        self.owner: asyncio.Task | None = None
        self.slipped = False

    def _check(self) -> None:
        if self.owner is not None and self.owner is not asyncio.current_task():
            self.slipped = True                        # the owner is told when it ends; the innocent is told now
            raise TransactionAwaited()

    async def fetch(self, stmt, params, first=False):
        if (prepared := self.shapes.prepare(stmt, params)) is not None:
            return prepared[2].shown(self._found(*prepared[:2], first))
        return self._fetch_ordinary(stmt, params, first)

    async def named(self, stmt, params, first=False):
        if (prepared := self.shapes.prepare(stmt, params)) is not None:
            return prepared[2].named(self._found(*prepared[:2], first))
        return _named(self._fetch_ordinary(stmt, params, first))

    def _found(self, text: str, values: tuple, first: bool) -> list[tuple]:
        self._check()
        cursor = self.raw.execute(text, values)
        found = cursor.fetchmany(1) if first else cursor.fetchall()
        cursor.close()
        return found

    def _fetch_ordinary(self, stmt: Any, params: Any, first: bool) -> Sequence[sa.Row]:
        self._check()
        with self.connection.execute(stmt, params) as result:
            return result.fetchmany(1) if first else result.fetchall()

    async def execute(self, stmt, params):
        self._check()
        if isinstance(params, list):
            return sum([await self.execute(stmt, one) for one in params])
        if self.checkpoints is not None:
            self.checkpoints.changed()
        try:
            if (prepared := self.shapes.prepare(stmt, params)) is not None:
                return self.raw.execute(*prepared[:2]).rowcount
            return self.connection.execute(stmt, params).rowcount
        except (sa.exc.IntegrityError, sqlite3.IntegrityError) as problem:
            raise _integrity(problem) from problem

    async def run_sync(self, fn):
        self._check()
        self.connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            result = fn(self.connection)
            self.connection.exec_driver_sql("COMMIT")
            return result
        except BaseException:
            self.connection.exec_driver_sql("ROLLBACK")
            raise

    @asynccontextmanager
    async def transaction(self):
        self._check()
        self.raw.execute("BEGIN IMMEDIATE")
        self.owner, self.slipped = asyncio.current_task(), False
        # Runs at the loop's next turn: if that comes before the end of the transaction, its body awaited something else.
        turn = asyncio.get_running_loop().call_soon(self._slip)
        try:
            yield
            if self.slipped:
                raise TransactionAwaited()
            self.raw.execute("COMMIT")
        except BaseException:
            self.raw.execute("ROLLBACK")
            raise
        finally:
            turn.cancel()
            self.owner = None

    def _slip(self) -> None:
        self.slipped = True

    async def close(self):
        if self.checkpoints is not None:
            self.checkpoints.finish()
        self.connection.close()
        self.engine.dispose()


class _Pooled(_Backend):
    """PostgreSQL or MySQL through SQLAlchemy's asyncio engine."""

    def __init__(self, url: str):
        from sqlalchemy.ext.asyncio import create_async_engine

        self.engine = create_async_engine(url, pool_size=20, max_overflow=20, pool_pre_ping=True, isolation_level="READ COMMITTED",
                                          hide_parameters=True)
        self.dialect = self.engine.dialect.name
        self._current: ContextVar[Any] = ContextVar("connection", default=None)

    @asynccontextmanager
    async def _connection(self):
        if (current := self._current.get()) is not None:
            yield current
        else:
            async with self.engine.begin() as connection:
                yield connection

    async def fetch(self, stmt, params, first=False):
        with _translated():
            async with self._connection() as connection:
                result = await connection.execute(stmt, params)
                return result.fetchmany(1) if first else result.fetchall()

    async def named(self, stmt, params, first=False):
        return _named(await self.fetch(stmt, params, first))

    async def execute(self, stmt, params):
        with _translated():
            async with self._connection() as connection:
                if self.dialect == "postgresql" and self._current.get() is not None:
                    # PostgreSQL gives up a whole transaction on a failed statement: a savepoint keeps the caller's alive.
                    async with connection.begin_nested():
                        return (await connection.execute(stmt, params)).rowcount
                return (await connection.execute(stmt, params)).rowcount

    async def run_sync(self, fn):
        async with self.engine.begin() as connection:
            return await connection.run_sync(fn)

    @asynccontextmanager
    async def transaction(self):
        with _translated():
            async with self.engine.begin() as connection:
                token = self._current.set(connection)
                try:
                    yield
                finally:
                    self._current.reset(token)

    async def close(self):
        await self.engine.dispose()


#: What databases call a deadlock or a serialization failure: PostgreSQL's states, MySQL's numbers.
DEADLOCKS = ("40p01", "40001", "1213", "1205", "deadlock")


#: What they call a value that does not fit its column: PostgreSQL's class of states, MySQL's numbers.
UNFIT = ("22", "1406", "1264", "1366")


@contextmanager
def _translated() -> Iterator[None]:
    """A driver's errors as ours."""
    try:
        yield
    except sa.exc.IntegrityError as problem:
        raise _integrity(problem) from problem
    except sa.exc.DBAPIError as problem:
        if str(getattr(problem.orig, "sqlstate", "")).startswith(UNFIT[0]) or _number(problem) in UNFIT:
            raise Unfit(detail=str(problem.orig)[:200]) from problem
        if any(word in f"{getattr(problem.orig, 'sqlstate', '')} {problem.orig}".lower() for word in DEADLOCKS):
            raise Deadlock(detail=str(problem.orig)) from problem
        raise


def _number(problem: sa.exc.DBAPIError) -> str:
    """MySQL's number of an error."""
    arguments = getattr(problem.orig, "args", ())
    return str(arguments[0]) if arguments and isinstance(arguments[0], int) else ""


def _integrity(problem: Exception) -> CloudError:
    cause = getattr(problem, "orig", problem)
    text = str(cause).lower()
    if "unique" in text or "duplicate" in text:
        return Duplicate(detail=str(cause))
    return Conflict("The resource is in use or refers to one that does not exist.", detail=str(cause))
