"""The same work done by other queues: huey in SQLite, procrastinate in PostgreSQL. Both keep every commit on disk.

What is asked of them is what the queue of Limner does: take a payload in, give it to one worker, keep how it ended.
"""

import asyncio
import json
import os
import pwd
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import psycopg
from huey import SqliteHuey
from huey.api import Result
from procrastinate import App, PsycopgConnector
from procrastinate.jobs import Status

CALLERS = 8
"""Threads that put work into huey at once, and connections to PostgreSQL."""
RESULT = {"path": "results/n0/617365d0-c7cc-441c-b0e3-a30d1cca0516.png", "warnings": []}


class Queue(Protocol):
    """A queue with rows in it, and what is put into it."""

    async def enqueue(self) -> None:
        """Put one thing in; it is on disk afterwards."""

    async def enqueue_together(self, count: int) -> None:
        """Put `count` things in for as many callers at the same time."""

    async def work(self) -> None:
        """Claim the next thing and say that it has ended well."""

    async def notice(self) -> float | None:
        """Seconds from an end until one who waits for it knows; None if nobody can wait for it."""


class Huey:
    """One task in one SQLite file, with fsync as Limner's."""

    def __init__(self, file: Path, payload: dict[str, Any]) -> None:
        self._payload = payload
        self._huey = SqliteHuey("bench", filename=str(file), fsync=True)

        @self._huey.task()  # type: ignore[untyped-decorator]
        def make(payload: dict[str, Any]) -> dict[str, Any]:
            return RESULT

        self._make = make

    def fill(self, rows: int) -> None:
        """One in ten waits, of the others there are the results: huey keeps nothing else of what has ended."""
        waiting = rows // 10
        result = self._huey.serializer.serialize(RESULT)
        with closing(sqlite3.connect(self._huey.storage.filename)) as connection, connection:
            connection.execute("PRAGMA synchronous=OFF")
            tasks = ((self._huey.name, self._huey.serialize_task(self._make.s(self._payload))) for _ in range(waiting))
            connection.executemany("INSERT INTO task (queue, data) VALUES (?, ?)", tasks)
            results = ((self._huey.name, str(uuid.uuid4()), result) for _ in range(rows - waiting))
            connection.executemany("INSERT INTO kv (queue, key, value) VALUES (?, ?, ?)", results)
        os.sync()

    async def enqueue(self) -> None:
        """Huey is synchronous; nothing else runs beside it here, so nothing waits for it."""
        self._make(self._payload)

    async def enqueue_together(self, count: int) -> None:
        """Callers of a synchronous library are threads."""
        with ThreadPoolExecutor(CALLERS) as pool:
            calls = [asyncio.get_running_loop().run_in_executor(pool, self._make, self._payload) for _ in range(count)]
            await asyncio.gather(*calls)

    async def work(self) -> None:
        """What its consumer does for one task, whose function returns at once."""
        self._huey.execute(self._huey.dequeue())

    def close(self) -> None:
        """Close the connections of this thread."""
        self._huey.storage.close()

    async def notice(self) -> float:
        """Its result is polled for, in longer and longer intervals: the end comes at any moment of one."""
        task = self._huey.dequeue()

        def wait() -> float:
            Result(self._huey, task).get(blocking=True)
            return time.perf_counter()

        seen = asyncio.get_running_loop().run_in_executor(None, wait)
        await asyncio.sleep(random.uniform(0.1, 0.3))
        began = time.perf_counter()
        self._huey.execute(task)
        return await seen - began


class Procrastinate:
    """One task in one PostgreSQL database with default settings, which fsync every commit."""

    def __init__(self, app: App, worker: int, payload: dict[str, Any]) -> None:
        self._payload = payload
        self._manager = app.job_manager
        self._worker = worker

        @app.task(queue="bench", name="make")
        def make(payload: dict[str, Any]) -> None:
            return None

        self._make = make

    async def enqueue(self) -> None:
        """One job."""
        await self._make.defer_async(payload=self._payload)

    async def enqueue_together(self, count: int) -> None:
        """One job for each caller."""
        await asyncio.gather(*(self.enqueue() for _ in range(count)))

    async def work(self) -> None:
        """What its worker does for one job, whose function returns at once."""
        job = await self._manager.fetch_job(["bench"], self._worker)
        if job is None:
            raise ValueError("there is nothing to do")
        await self._manager.finish_job(job, Status.SUCCEEDED, delete_job=False)

    async def notice(self) -> None:
        """It tells nobody: who wants to know asks for the status, as often as he likes."""


@asynccontextmanager
async def open_huey(folder: Path, payload: dict[str, Any], rows: int) -> AsyncIterator[Queue]:
    """A new file in this folder with so many tasks and results."""
    queue = Huey(folder / "huey.sqlite", payload)
    await asyncio.to_thread(queue.fill, rows)
    yield queue
    queue.close()


@contextmanager
def serve_postgres(folder: Path) -> Iterator[str]:
    """A PostgreSQL server of our own, listening on a socket in its folder only; the address to connect to.

    OSError or CalledProcessError if there is none on this machine or it does not start.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    programs = os.pathsep.join([os.environ.get("PATH", ""), *map(str, found)])
    initdb, postgres = shutil.which("initdb", path=programs), shutil.which("postgres", path=programs)
    if initdb is None or postgres is None:
        raise FileNotFoundError("there is no PostgreSQL server on this machine")
    # It refuses to run as root.
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(dir=folder, prefix="pg-") as data:
        if user is not None:
            os.chown(data, pwd.getpwnam(user).pw_uid, -1)
        make = [initdb, "-D", f"{data}/db", "-U", "bench", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        subprocess.run(make, user=user, cwd=data, check=True, capture_output=True, text=True)
        command = [postgres, "-D", f"{data}/db", "-c", "listen_addresses=", "-c", f"unix_socket_directories={data}"]
        address = f"host={data} user=bench"
        with subprocess.Popen(command, user=user, cwd=data, stderr=subprocess.DEVNULL) as server:
            try:
                _wait_until_it_answers(server, address)
                yield address
            finally:
                server.send_signal(signal.SIGQUIT)  # at once, whoever is still connected


def _wait_until_it_answers(server: subprocess.Popen[bytes], address: str) -> None:
    while server.poll() is None:
        with suppress(psycopg.OperationalError), psycopg.connect(address, dbname="postgres"):
            return
        time.sleep(0.1)
    raise subprocess.CalledProcessError(server.returncode, "postgres")


@asynccontextmanager
async def open_procrastinate(address: str, payload: dict[str, Any], rows: int) -> AsyncIterator[Queue]:
    """A new database of this server with so many jobs and their events; one in ten waits."""
    name = f"rows{rows}"
    with psycopg.connect(address, dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    address = f"{address} dbname={name}"
    app = App(connector=PsycopgConnector(conninfo=address, min_size=CALLERS, max_size=CALLERS))
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await asyncio.to_thread(_fill_postgres, address, json.dumps({"payload": payload}), rows, rows - rows // 10)
        yield Procrastinate(app, await app.job_manager.register_worker(), payload)


def _fill_postgres(address: str, arguments: str, rows: int, ended: int) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("ALTER TABLE procrastinate_jobs DISABLE TRIGGER USER")
        connection.execute(
            """INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, attempts)
            SELECT 'bench', 'make', %(args)s::jsonb,
            (CASE WHEN i <= %(ended)s THEN 'succeeded' ELSE 'todo' END)::procrastinate_job_status, (i <= %(ended)s)::int
            FROM generate_series(1, %(rows)s) AS i""",
            {"args": arguments, "rows": rows, "ended": ended},
        )
        for kind in ("deferred", "started", "succeeded"):
            connection.execute(
                """INSERT INTO procrastinate_events (job_id, type) SELECT id, %(kind)s::procrastinate_job_event_type
                FROM procrastinate_jobs WHERE %(kind)s = 'deferred' OR status = 'succeeded'""",
                {"kind": kind},
            )
        connection.execute("ALTER TABLE procrastinate_jobs ENABLE TRIGGER USER")
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
