"""Opens the database: one writer thread, a few readers, everything a commit promises on disk. It knows no table.

SQLite runs in WAL with synchronous=FULL, so that what was acknowledged outlives a power cut. A transaction is a plain
function that a thread runs as a whole: the event loop hands over once and never waits for a statement. A write begins
with BEGIN IMMEDIATE: writers of this process queue for the one thread, those of other processes wait in SQLite's busy
handler, and a caller sees neither.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError

from limner.errors import DiskFull, StorageFailed

T = TypeVar("T")

BUSY_TIMEOUT_MS = 30_000
READERS = 4
MIGRATIONS = Path(__file__).parent / "migrations"


class Write(Protocol):
    """Runs one transaction while its caller has the writer's turn."""

    def __call__(self, work: Callable[[sa.Connection], T]) -> Awaitable[T]:
        """What `work` returns, on disk."""
        ...


class Database:
    """One open database. `open` makes it, `close` must end it (its threads and connections)."""

    def __init__(self, writer: sa.Engine, reader: sa.Engine) -> None:
        self._writer = writer
        self._reader = reader
        self._writer_thread = ThreadPoolExecutor(1, "limner-writer")
        self._reader_threads = ThreadPoolExecutor(READERS, "limner-reader")
        self._writing = asyncio.Lock()

    @classmethod
    async def open(cls, path: str | Path) -> "Database":
        """Open the migrated SQLite file at `path`; StorageFailed if it cannot be used."""
        with _open_plainly(path, "BEGIN") as connection:
            _, script = _scripts(connection)
            if MigrationContext.configure(connection).get_current_revision() != script.get_current_head():
                raise StorageFailed("The database is not of this Limner's revision. Start its server first.")
        return cls(_connect(path, "BEGIN IMMEDIATE", 1), _connect(path, "BEGIN", READERS))

    async def read(self, work: Callable[[sa.Connection], T]) -> T:
        """What `work` finds in one consistent view; StorageFailed if the database cannot be read."""

        def look() -> T:
            with _explained(), self._reader.connect() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._reader_threads, look)

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        """One transaction: on disk when this returns, undone by any error in `work`; StorageFailed if it cannot be.

        A caller that gives up meanwhile does not stop it: it ends as a whole, one way or the other.
        """
        async with self.turn() as write:
            return await write(work)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Write]:
        """The writer's next turn, for who must know when it has come: until then others write."""
        async with self._writing:
            yield self._write

    async def _write(self, work: Callable[[sa.Connection], T]) -> T:
        def transaction() -> T:
            with _explained(), self._writer.begin() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._writer_thread, transaction)

    async def close(self) -> None:
        """End what still runs, every thread and every connection."""
        for threads in (self._reader_threads, self._writer_thread):
            await asyncio.to_thread(threads.shutdown)
        self._reader.dispose()
        self._writer.dispose()


def migrate(path: str | Path) -> None:
    """Bring the SQLite file at `path` (made if missing) to the newest revision; StorageFailed if it is newer still."""
    with _open_plainly(path, "BEGIN IMMEDIATE") as connection:
        config, script = _scripts(connection)
        known = {revision.revision for revision in script.walk_revisions()}
        present = MigrationContext.configure(connection).get_current_revision()
        if present is not None and present not in known:
            raise StorageFailed(
                f"The database is of revision {present}, which is newer than this Limner knows "
                f"({script.get_current_head()}). Start the newer Limner, or name another data folder."
            )
        command.upgrade(config, "head")


def copy(path: str | Path, target: Path) -> None:
    """Write what the SQLite file at `path` holds at this moment to `target`, while others write to it.

    Removed rows leave no trace in the copy. StorageFailed if it cannot be made.
    """
    try:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000)) as connection:
            connection.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as error:
        raise StorageFailed(f"The database cannot be copied: {error}.") from error


def _scripts(connection: sa.Connection) -> tuple[Config, ScriptDirectory]:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config, ScriptDirectory.from_config(config)


@contextmanager
def _open_plainly(path: str | Path, begin: str) -> Iterator[sa.Connection]:
    """One transaction without the event loop."""
    url = sa.URL.create("sqlite", database=str(path))
    engine = sa.create_engine(url, connect_args={"isolation_level": None})
    _prepare(engine, begin)
    try:
        with _explained(), engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _connect(path: str | Path, begin: str, size: int) -> sa.Engine:
    """An engine whose connections are as many as the threads that use them."""
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"isolation_level": None, "check_same_thread": False},
        pool_size=size,
        max_overflow=0,
    )
    _prepare(engine, begin)
    return engine


def _prepare(engine: sa.Engine, begin: str) -> None:
    """Set the pragmas of each new connection, and begin transactions as `begin` says instead of as the driver likes."""

    def connected(raw: Any, _record: object) -> None:
        cursor = raw.cursor()
        for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def begun(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    sa.event.listen(engine, "connect", connected)
    sa.event.listen(engine, "begin", begun)


@contextmanager
def _explained() -> Iterator[None]:
    """Errors as a caller may see them; a wrong statement stays what it is, since it is our own mistake."""
    try:
        yield
    except (IntegrityError, ProgrammingError, DataError):
        raise
    except DBAPIError as error:
        if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise DiskFull from error
        raise StorageFailed(f"The database cannot be used: {error.orig}.") from error
