"""What the fault tests share: server processes that a test starts in any environment, and the ends in their rows."""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from limner.queue.events import EventLog
from limner.queue.states import ENDING
from limner.records.engine import Database


@dataclass(frozen=True)
class Running:
    """A server process that listens."""

    process: subprocess.Popen[str]
    url: str


Start = Callable[..., Running]
Ends = Callable[[Database], Awaitable[dict[str, Counter[str]]]]


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """Starts a server on a data folder and a free port, as the last arguments of `prefix`; `env` is added to ours."""
    started: list[subprocess.Popen[str]] = []

    def start(data: Path, *prefix: str, env: dict[str, str] | None = None, workers: int = 1) -> Running:
        command = [*prefix, sys.executable, "-m", "limner", "serve", "--port", "0", "--data", str(data)]
        command += ["--workers", str(workers)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | (env or {}))
        started.append(process)
        found = re.search(r"http://[^ ]+", process.stdout.readline() if process.stdout else "")
        return Running(process, found[0] if found else pytest.fail("the server did not start"))

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=60)


@pytest.fixture
def ends() -> Ends:
    """Reads how often each generation of `local` has ended in which way; the log of events must have no hole."""

    async def ends(database: Database) -> dict[str, Counter[str]]:
        log, found, after = EventLog(database), dict[str, Counter[str]](), 0
        while (page := await log.after("local", after)).events:
            assert [event.id for event in page.events] == list(range(after + 1, page.last_id + 1))
            after = page.last_id
            for event in page.events:
                if event.kind in ENDING:
                    found.setdefault(event.generation_id, Counter())[event.kind] += 1
        return found

    return ends
