"""A wall clock that is set by hours, forth and back, while a real server and its worker have generations to make.

Both processes see a wall clock of their own: `wall_clock.c`, compiled here and preloaded, reads how far ahead it is
from a file that the test writes. Without a compiler, or where nothing can be preloaded, these tests are skipped.
"""

import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from limner.client import Client
from limner.queue.events import EventLog
from limner.queue.hints import Hints
from limner.queue.store import Store
from limner.records.engine import Database

PATIENCE_SECONDS = 60.0
LEASE_SECONDS = 1.0
HOUR = 3600
SOURCE = Path(__file__).with_name("wall_clock.c")
QUICK = {"model": "tiny", "prompt": "steps=1", "size": "64x64"}
LONG = QUICK | {"prompt": "steps=100 step-seconds=0.05"}
OTHER_SIZE = {"size": "96x64"}
"""Shares no batch with the others, and so waits for them."""


class Clocked:
    """A server whose wall clock is ours to set."""

    def __init__(self, url: str, data: Path, clock: Path) -> None:
        self.client = httpx2.Client(base_url=url, timeout=PATIENCE_SECONDS)
        self.url = url
        self.database_file = data / "limner.sqlite"
        self._clock = clock

    def set(self, hours: float) -> None:
        """Set the wall clock so many hours ahead of the true time."""
        with self._clock.open("r+b") as file:
            file.write(struct.pack("l", int(hours * HOUR)))

    def ask(self, body: dict[str, Any]) -> str:
        """Queue one generation; its id."""
        return str(self.client.post("/api/ai/queue", json=body).json()["generations"][0]["generation_id"])

    def get(self, id: str) -> dict[str, Any]:
        """All that the server shows of a generation."""
        shown: dict[str, Any] = self.client.get(f"/api/ai/queue/{id}").json()
        return shown

    def until(self, id: str, *statuses: str) -> dict[str, Any]:
        """The same, once its status is one of these."""
        patience = time.monotonic() + PATIENCE_SECONDS
        while (shown := self.get(id))["status"] not in statuses:
            assert time.monotonic() < patience, shown
            time.sleep(0.02)
        return shown


@pytest.fixture(scope="module")
def clocked(start: Callable[..., Any]) -> Iterator[Clocked]:
    """A server with one worker and a short lease."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("a clock of its own needs Linux and a C compiler")
    with tempfile.TemporaryDirectory(prefix="limner-test-") as folder:
        library, clock, data = (Path(folder) / name for name in ("wall_clock.so", "clock", "data"))
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, SOURCE], check=True)
        clock.write_bytes(struct.pack("l", HOUR))
        env = {"LD_PRELOAD": str(library), "WALL_CLOCK": str(clock)}
        ask = [sys.executable, "-c", "import time; print(time.time())"]
        told = subprocess.run(ask, env=env, capture_output=True, check=False)
        if told.returncode or float(told.stdout) < time.time() + HOUR / 2:
            pytest.skip("this Python cannot be shown another clock")
        clock.write_bytes(struct.pack("l", 0))
        running = start(data, env=env | {"LIMNER_LEASE_SECONDS": str(LEASE_SECONDS)})
        clocked = Clocked(running.url, data, clock)
        yield clocked
        clocked.client.close()


async def test_a_clock_that_is_set_takes_no_work_from_the_living_and_ends_nothing_early_late_or_twice(
    clocked: Clocked, ends: Callable[[Database], Awaitable[dict[str, Counter[str]]]]
) -> None:
    made = clocked.ask(QUICK)
    clocked.until(made, "succeeded")
    running = clocked.ask(LONG)
    clocked.until(running, "processing")
    patient = clocked.ask(QUICK | OTHER_SIZE | {"cancel_after_seconds": HOUR})
    for hours in (5, -5, 0.5):
        clocked.set(hours)
        hasty = clocked.ask(LONG | OTHER_SIZE | {"cancel_after_seconds": LEASE_SECONDS})
        began = time.monotonic()
        assert "cancel_after_seconds" in clocked.until(hasty, "cancelled")["error_message"]
        assert LEASE_SECONDS - 0.1 < time.monotonic() - began < LEASE_SECONDS + PATIENCE_SECONDS / 2
        assert clocked.get(running)["status"] == "processing"
        assert 0 <= clocked.get(patient).get("eta_seconds", 0) < HOUR
    assert clocked.until(running, "succeeded", "failed", "cancelled")["status"] == "succeeded"
    assert clocked.until(patient, "succeeded", "failed", "cancelled")["status"] == "succeeded"
    database = await Database.open(clocked.database_file)
    try:
        store = Store(database, Hints())
        assert [(await store.get("local", id)).attempt for id in (made, running, patient)] == [1, 1, 1]
        events = (await EventLog(database).after("local", 0)).events
        assert not [event for event in events if event.kind == "requeued"]
        assert {sum(kinds.values()) for kinds in (await ends(database)).values()} == {1}
    finally:
        await database.close()


@pytest.mark.parametrize("hours", [7, -7])
def test_a_reader_who_comes_after_the_clock_was_set_misses_nothing_and_its_links_open(
    clocked: Clocked, hours: float
) -> None:
    clocked.set(0)
    before = clocked.ask(QUICK)
    link = clocked.until(before, "succeeded")["result_url"]
    clocked.set(hours)
    after = clocked.ask(QUICK)
    clocked.until(after, "succeeded")
    assert clocked.client.get(link).status_code == (403 if hours > 0 else 200), "a link expires by the wall clock"
    seen = []
    with Client(clocked.url) as client:
        for event in client.events():
            seen.append(event.generation_id)
            if event.generation_id in (before, after):
                assert clocked.client.get(event.data["url"]).status_code == 200
            if event.generation_id == after:
                break
    assert seen[-2:] == [before, after]
