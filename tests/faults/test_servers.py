"""Servers that are killed or stopped while they work: `limner serve` as a process and the table read beside it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from limner.queue.events import EventLog
from limner.queue.states import ENDED, ENDING
from limner.queue.store import Store
from limner.records.engine import Database
from limner.settings import Settings
from limner.wire import Generation

Submit = Callable[..., Any]
Serve = Callable[[], subprocess.Popen[bytes]]
PATIENCE_SECONDS = 90
LONG = "steps=400 step-seconds=0.05"


@pytest.fixture
def serve(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts a server with one worker on the data folder."""
    monkeypatch.setenv("LIMNER_LEASE_SECONDS", "1.5")
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "limner", "serve", "--port", "0", "--data", str(settings.data)]
        started.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        return started[-1]

    yield start
    for process in started:
        workers = workers_of(process.pid)
        process.kill()
        process.wait()
        for pid in workers:
            kill(pid)


def workers_of(server: int) -> list[int]:
    """The pids of the server's child processes that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(parent) == server and state != "Z":
            found.append(int(stat.parent.name))
    return found


def kill(pid: int) -> None:
    """Kill a process that may be gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


async def until(
    store: Store, generations: list[Generation], holds: Callable[[list[Generation]], bool]
) -> list[Generation]:
    """The generations, once the condition holds for them."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            now = [await store.get("local", one.id) for one in generations]
            if holds(now):
                return now
            await asyncio.sleep(0.02)


def all_processing(now: list[Generation]) -> bool:
    """Whether all are being made."""
    return all(one.state == "processing" for one in now)


async def test_after_server_and_worker_are_killed_a_new_server_finishes_everything_once(
    serve: Serve, store: Store, database: Database, submit: Submit
) -> None:
    asked = [one for _ in range(3) for one in await submit("steps=10 step-seconds=0.05", n=3)]
    server = serve()
    await until(store, asked, lambda now: sum(one.state == "succeeded" for one in now) >= 2)
    [worker] = workers_of(server.pid)
    server.kill()
    kill(worker)
    await asyncio.to_thread(server.wait)
    serve()
    made = await until(store, asked, lambda now: all(one.state in ENDED for one in now))
    assert {one.state for one in made} == {"succeeded"}
    log = (await EventLog(database).after("local", 0, 1000)).events
    assert Counter(event.generation_id for event in log if event.kind in ENDING) == {one.id: 1 for one in asked}


async def test_a_killed_server_takes_its_worker_along_and_the_work_is_queued_again(
    serve: Serve, store: Store, submit: Submit
) -> None:
    asked = await submit(LONG)
    server = serve()
    await until(store, asked, all_processing)
    [worker] = workers_of(server.pid)
    server.kill()
    began = time.monotonic()
    while is_alive(worker):
        assert time.monotonic() - began < 2
        await asyncio.sleep(0.02)
    assert (await store.get("local", asked[0].id)).state == "queued"


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_a_stopped_server_ends_within_five_seconds_and_the_work_is_queued_again(
    serve: Serve, store: Store, database: Database, submit: Submit
) -> None:
    asked = await submit("steps=1 hang")
    server = serve()
    await until(store, asked, all_processing)
    [worker] = workers_of(server.pid)
    server.terminate()
    began = time.monotonic()
    assert await asyncio.to_thread(server.wait, PATIENCE_SECONDS) == 0
    assert time.monotonic() - began < 5
    assert not is_alive(worker)
    log = (await EventLog(database).after("local", 0)).events
    assert [(event.kind, event.data.get("reason")) for event in log][-1] == ("requeued", "released")
