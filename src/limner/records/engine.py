"""Opens the database: one writer connection, a few readers, everything a commit promises on disk. It knows no table.

SQLite runs in WAL with synchronous=FULL, so that what was acknowledged outlives a power cut. A write begins with BEGIN
IMMEDIATE: writers of this process queue for the one writer connection, those of other processes wait in SQLite's busy
handler, and a caller sees neither.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from limner.errors import DiskFull, StorageFailed

BUSY_TIMEOUT_MS = 30_000
READERS = 4
MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """One open database. `open` makes it, `close` must end it (each connection owns a thread)."""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self._writer = writer
        self._reader = reader
        self._writing = asyncio.Lock()

    @classmethod
    async def open(cls, path: str | Path) -> "Database":
        """Open the migrated SQLite file at `path`; StorageFailed if it cannot be used."""
        with _open_plainly(path, "BEGIN") as connection:
            _, script = _scripts(connection)
            if MigrationContext.configure(connection).get_current_revision() != script.get_current_head():
                raise StorageFailed("The database is not of this Limner's revision. Start its server first.")
        return cls(_connect(path, "BEGIN IMMEDIATE", 1), _connect(path, "BEGIN", READERS))

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One consistent view; StorageFailed if the database cannot be read."""
        try:
            async with self._reader.connect() as connection:
                yield connection
        except (DBAPIError, NoConnectionFree) as error:
            raise _explain(error) from error

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: on disk after the block, undone by any error in it; StorageFailed if it cannot be."""
        try:
            async with self._writing, self._writer.begin() as connection:
                yield connection
        except (DBAPIError, NoConnectionFree) as error:
            raise _explain(error) from error

    async def close(self) -> None:
        """Close every connection."""
        await self._reader.dispose()
        await self._writer.dispose()


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
        with engine.begin() as connection:
            yield connection
    except DBAPIError as error:
        raise _explain(error) from error
    finally:
        engine.dispose()


def _connect(path: str | Path, begin: str, size: int) -> AsyncEngine:
    engine = create_async_engine(
        sa.URL.create("sqlite+aiosqlite", database=str(path)),
        connect_args={"isolation_level": None},
        pool_size=size,
        max_overflow=0,
        pool_timeout=BUSY_TIMEOUT_MS / 1000,
    )
    _prepare(engine.sync_engine, begin)
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


def _explain(error: DBAPIError | NoConnectionFree) -> Exception:
    """What a caller may see; a wrong statement stays what it is, since it is our own mistake."""
    if isinstance(error, NoConnectionFree):
        return StorageFailed("The database has too many readers at the moment.")
    if isinstance(error, IntegrityError | ProgrammingError | DataError):
        return error
    if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return DiskFull()
    return StorageFailed(f"The database cannot be used: {error.orig}.")
