"""Opening, migrating and writing a real SQLite file: what is committed stays, what is not leaves no trace."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from limner.errors import StorageFailed
from limner.records.engine import MIGRATIONS, Database, migrate
from limner.records.schema import clock, counters
from limner.settings import Settings

KILLED = 9
DIE_INSIDE_A_TRANSACTION = """
import asyncio, os, sys
import sqlalchemy as sa
from limner.records.engine import Database
from limner.records.schema import counters

async def main(file):
    database = await Database.open(file)
    for i in range(20):
        row = {"namespace": f"n{i}", "last_event": 0, "first_event": 1, "next_turn": 0.0}
        await database.write(lambda connection: connection.execute(sa.insert(counters).values(row)))
        print(i, flush=True)

    def die(connection):
        connection.execute(sa.update(counters).values(last_event=99))
        connection.execute(sa.delete(counters).where(counters.c.namespace == "n3"))
        os._exit(9)

    await database.write(die)

asyncio.run(main(sys.argv[1]))
"""


async def add(database: Database, namespace: str) -> None:
    row = {"namespace": namespace, "last_event": 0, "first_event": 1, "next_turn": 0.0}
    await database.write(lambda connection: connection.execute(sa.insert(counters).values(row)))


async def names(database: Database) -> set[str]:
    return await database.read(lambda connection: set(connection.execute(sa.select(counters.c.namespace)).scalars()))


def test_a_database_of_the_first_version_is_brought_up_to_date_with_what_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "limner.sqlite"
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(file)))
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.upgrade(config, "0001")
        connection.exec_driver_sql("INSERT INTO counters VALUES ('ada', 7, 3, 1.5)")
    engine.dispose()
    migrate(file)
    raw = sqlite3.connect(file)
    assert raw.execute("SELECT * FROM counters").fetchall() == [("ada", 7, 3, 1.5)]
    assert raw.execute("SELECT count(*) FROM keys").fetchall() == [(0,)]
    raw.close()


def test_an_empty_folder_becomes_a_database_and_stays_it(tmp_path: Path) -> None:
    file = tmp_path / "a folder, 100% odd? #1" / "limner.sqlite"
    file.parent.mkdir()
    migrate(file)
    before = file.read_bytes()
    migrate(file)
    assert file.read_bytes() == before
    with sqlite3.connect(file) as raw:
        assert raw.execute("SELECT turn FROM clock").fetchall() == [(0.0,)]
    raw.close()


def test_two_processes_may_migrate_at_once(tmp_path: Path) -> None:
    file = tmp_path / "limner.sqlite"
    code = "import sys; from limner.records.engine import migrate; migrate(sys.argv[1])"
    both = [subprocess.Popen([sys.executable, "-c", code, str(file)]) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]


def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "limner.sqlite"
    migrate(file)
    raw = sqlite3.connect(file)
    raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.commit()
    with pytest.raises(StorageFailed, match="revision 9999, which is newer than this Limner"):
        migrate(file)
    assert raw.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)
    raw.close()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "limner.sqlite"
    file.write_text("this is a letter, not a database\n" * 100)
    for attempt in (asyncio.to_thread(migrate, file), Database.open(file)):
        with pytest.raises(StorageFailed) as refused:
            await attempt
        assert str(tmp_path) not in refused.value.message


async def test_a_database_without_tables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="Start its server first"):
        await Database.open(tmp_path / "limner.sqlite")


async def test_a_folder_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed):
        migrate(tmp_path / "missing" / "limner.sqlite")
    with pytest.raises(StorageFailed):
        await Database.open(tmp_path / "missing" / "limner.sqlite")


async def test_a_commit_is_on_disk_before_it_is_acknowledged(database: Database) -> None:
    names = ("journal_mode", "synchronous")
    pragmas = await database.write(
        lambda connection: [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names]
    )
    assert pragmas == ["wal", 2]


async def test_an_error_undoes_the_whole_write(database: Database) -> None:
    def stumble(connection: sa.Connection) -> None:
        connection.execute(sa.update(clock).values(turn=5))
        raise KeyError

    with pytest.raises(KeyError):
        await database.write(stumble)
    turn = await database.read(lambda connection: connection.exec_driver_sql("SELECT turn FROM clock").scalar_one())
    assert turn == 0


async def test_a_reader_sees_one_moment_and_never_waits_for_a_writer(database: Database) -> None:
    count = sa.select(sa.func.count()).select_from(counters)
    began, written = threading.Event(), threading.Event()

    def look(view: sa.Connection) -> tuple[int, int]:
        before = view.execute(count).scalar_one()
        began.set()
        assert written.wait(10)
        return before, view.execute(count).scalar_one()

    looking = asyncio.create_task(database.read(look))
    await asyncio.to_thread(began.wait, 10)
    await add(database, "new")
    written.set()
    assert await looking == (0, 0)
    assert await names(database) == {"new"}


async def test_many_writers_in_two_pools_all_get_their_turn(database: Database, settings: Settings) -> None:
    other = await Database.open(settings.database_file)
    await asyncio.gather(*(add((database, other)[i % 2], f"n{i}") for i in range(100)))
    await other.close()
    assert await names(database) == {f"n{i}" for i in range(100)}


async def test_a_caller_that_gives_up_in_mid_transaction_leaves_no_lock_and_no_half(database: Database) -> None:
    halfway, resumed = threading.Event(), threading.Event()

    def insert_pair(connection: sa.Connection) -> None:
        for name in ("left", "right"):
            row = {"namespace": name, "last_event": 0, "first_event": 1, "next_turn": 0.0}
            connection.execute(sa.insert(counters).values(row))
            halfway.set()
            assert resumed.wait(10)

    task = asyncio.create_task(database.write(insert_pair))
    await asyncio.to_thread(halfway.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await names(database) == set()
    resumed.set()
    async with asyncio.timeout(10):
        await add(database, "next")
    assert await names(database) == {"left", "right", "next"}


async def test_a_caller_that_gives_up_before_its_turn_writes_nothing(database: Database) -> None:
    async with database.turn() as write:
        waiting = asyncio.create_task(add(database, "gone"))
        await asyncio.sleep(0)
        waiting.cancel()
        await write(lambda connection: None)
    await asyncio.gather(waiting, return_exceptions=True)
    await add(database, "next")
    assert await names(database) == {"next"}


async def test_a_full_disk_is_an_error_and_not_a_wound(database: Database) -> None:
    def nearly_full(connection: sa.Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")

    await database.write(nearly_full)

    async def fill() -> None:
        for i in range(1000):
            await add(database, f"{i} {'x' * 200}")

    with pytest.raises(StorageFailed, match="full"):
        await fill()
    kept = await names(database)
    await database.write(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count = 100000"))
    await add(database, "room again")
    assert await names(database) == kept | {"room again"}


async def test_a_process_that_dies_inside_a_transaction_loses_nothing_committed(settings: Settings) -> None:
    file = settings.database_file
    command = [sys.executable, "-c", DIE_INSIDE_A_TRANSACTION, os.fspath(file)]
    died = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, check=False)
    assert (died.returncode, died.stderr) == (KILLED, "")
    assert died.stdout.split() == [str(i) for i in range(20)]
    database = await Database.open(file)
    assert await names(database) == {f"n{i}" for i in range(20)}
    async with asyncio.timeout(10):
        await add(database, "the next writer waits for nobody")

    def check(connection: sa.Connection) -> None:
        assert set(connection.execute(sa.select(counters.c.last_event)).scalars()) == {0}
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"

    await database.read(check)
    await database.close()


async def test_a_wrong_statement_stays_our_own_mistake(database: Database) -> None:
    await add(database, "a")
    with pytest.raises(sa.exc.IntegrityError):
        await add(database, "a")
