"""Workers and servers that die at the wrong moment. Real processes, real signals; nothing may be lost or done twice."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from limner.queue.events import EventLog
from limner.queue.states import ENDED
from limner.queue.store import Store
from limner.records.engine import Database
from limner.settings import Settings
from limner.wire import Generation
from limner.workers.local import ChildProcesses

Submit = Callable[..., Any]
PATIENCE_SECONDS = 90
LONG = "steps=400 step-seconds=0.05"
SHORT = "steps=20 step-seconds=0.05"
PARENT = """
import os, subprocess, sys, time
command = [sys.executable, "-m", "limner", "worker", *sys.argv[1:], "--parent", str(os.getpid())]
print(subprocess.Popen(command).pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A short lease, also for the processes that are started."""
    monkeypatch.setenv("LIMNER_LEASE_SECONDS", "1.5")
    return settings.model_copy(update={"lease_seconds": 1.5})


@pytest.fixture
async def children(settings: Settings, store: Store) -> AsyncIterator[ChildProcesses]:
    """One worker process, supervised by this process."""
    children = ChildProcesses(settings, store)
    await children.start()
    yield children
    await children.stop()


@pytest.fixture
def worker(data: Path, settings: Settings) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Starts a worker process by hand, without any supervisor."""
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "limner", "worker", "--data", str(data), "--name", name]
        started.append(subprocess.Popen(command))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


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


async def ended(store: Store, generations: list[Generation]) -> list[Generation]:
    """The generations, once all of them have ended."""
    return await until(store, generations, lambda now: all(one.state in ENDED for one in now))


async def processing(store: Store, generations: list[Generation]) -> list[Generation]:
    """The generations, once all of them are being made."""
    return await until(store, generations, lambda now: all(one.state == "processing" for one in now))


async def kinds(database: Database, id: str) -> list[str]:
    """The kinds of the events of one generation, in order."""
    return [one.kind for one in (await EventLog(database).after("local", 0)).events if one.generation_id == id]


def is_gone(pid: int) -> bool:
    """Whether the process has ended, reaped or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


async def test_a_worker_killed_in_the_middle_loses_nothing(
    children: ChildProcesses, store: Store, database: Database, submit: Submit
) -> None:
    asked = await submit(SHORT, n=2)
    await processing(store, asked)
    os.kill(children.status()[0].pid or 0, signal.SIGKILL)
    made = await ended(store, asked)
    assert [(one.state, one.attempt) for one in made] == [("succeeded", 2)] * 2
    assert await kinds(database, asked[0].id) == ["queued", "started", "requeued", "started", "succeeded"]


async def test_a_killed_worker_without_a_supervisor_loses_nothing_either(
    worker: Callable[[str], subprocess.Popen[bytes]], store: Store, submit: Submit
) -> None:
    asked = await submit(SHORT)
    first = worker("first")
    await processing(store, asked)
    first.kill()
    worker("second")
    [made] = await ended(store, asked)
    assert (made.state, made.attempt, made.worker) == ("succeeded", 2, "second")


async def test_a_poison_request_fails_after_three_deaths_and_its_neighbours_finish(
    children: ChildProcesses, store: Store, database: Database, submit: Submit
) -> None:
    poison = await submit("steps=2 kill")
    neighbours = await submit("steps=2", n=3)
    [dead] = await ended(store, poison)
    made = await ended(store, neighbours)
    assert (dead.state, dead.error_code) == ("failed", "engine_failed")
    assert {one.state for one in made} == {"succeeded"}
    assert (await kinds(database, dead.id)).count("started") == 3


async def test_a_terminated_worker_gives_its_work_back_although_its_engine_hangs(
    worker: Callable[[str], subprocess.Popen[bytes]], store: Store, database: Database, submit: Submit
) -> None:
    asked = await submit("steps=1 hang")
    process = worker("one")
    await processing(store, asked)
    await asyncio.sleep(0.3)
    process.terminate()
    began = time.monotonic()
    assert await asyncio.to_thread(process.wait, PATIENCE_SECONDS) == 0
    assert time.monotonic() - began < 5
    assert (await store.get("local", asked[0].id)).state == "queued"
    log = (await EventLog(database).after("local", 0)).events
    assert log[-1].data["reason"] == "released"


async def test_a_worker_whose_parent_is_killed_gives_its_work_back_and_ends(
    data: Path, store: Store, submit: Submit
) -> None:
    asked = await submit(LONG)
    command = [sys.executable, "-c", PARENT, "--data", str(data), "--name", "orphan"]
    parent = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    pid = int(await parent.stdout.readline() if parent.stdout else 0)
    await processing(store, asked)
    parent.kill()
    began = time.monotonic()
    while not is_gone(pid):
        assert time.monotonic() - began < 2
        await asyncio.sleep(0.02)
    await parent.wait()
    assert (await store.get("local", asked[0].id)).state == "queued"
