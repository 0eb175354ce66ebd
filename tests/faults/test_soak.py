"""A mixed load while worker, server or both are killed at random moments; `--kills 200` (make soak) for the long form.

What was accepted ends, once, and whoever follows the events sees each end once, however often the server goes away.
"""

import asyncio
import base64
import contextlib
import io
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from limner import errors
from limner.client import Client
from limner.queue.events import EventLog
from limner.queue.states import ENDED, ENDING
from limner.queue.store import Store
from limner.records.engine import Database
from limner.settings import Settings

PATIENCE_SECONDS = 120.0
AWAY = (errors.StorageFailed, errors.Stopping)
"""What a caller meets while the server is down; the call is sent again."""


class Server:
    """`limner serve` on one port, started again after each kill."""

    def __init__(self, settings: Settings) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._command = [
            sys.executable,
            "-m",
            "limner",
            "serve",
            "--port",
            str(self.port),
            "--data",
            str(settings.data),
        ]
        self.start()

    def start(self) -> None:
        """Start it; a server before it must be gone."""
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)

    def workers(self) -> list[int]:
        """Pids of its living children."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def kill(self, what: str) -> None:
        """Kill the worker, the server, or both, with signal 9; a killed server is started again."""
        workers = self.workers()
        if what != "worker":
            self.process.kill()
        if what != "server":
            for pid in workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if what != "worker":
            self.process.wait()
            self.start()


@pytest.fixture
def serving(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server with one worker and a short lease."""
    monkeypatch.setenv("LIMNER_LEASE_SECONDS", "1.5")
    server = Server(settings)
    yield server
    server.process.terminate()
    server.process.wait()


class Load:
    """A caller that asks, edits, waits and cancels until told to stop; `accepted` holds what it was promised."""

    def __init__(self, url: str, seed: int) -> None:
        self.url = url
        self.accepted: set[str] = set()
        self.stopping = threading.Event()
        self.wrong: list[BaseException] = []
        self._random = random.Random(seed)
        out = io.BytesIO()
        Image.new("RGB", (64, 64), "red").save(out, "PNG")
        self._picture = f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"

    def run(self) -> None:
        """Call after call; one that met a server that was away is sent again under its key."""
        try:
            with Client(self.url) as client:
                while not self.stopping.is_set():
                    self._call(client, self._random.choice(("queue", "queue", "sync", "edit", "cancel")))
        except BaseException as error:
            self.wrong.append(error)
            raise

    def _call(self, client: Client, what: str) -> None:
        body = {"model": "tiny", "prompt": "steps=4 step-seconds=0.05", "size": "64x64"}
        if what == "edit":
            body["input_image"] = self._picture
        path = "/api/ai/images/generate" if what in ("sync", "edit") else "/api/ai/queue"
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = client.ask("POST", path, json=body, headers=headers)
                shown = answer.get("generations") or answer["images"]
                ids = [one["generation_id"] for one in shown]
                self.accepted.update(ids)
                if what == "cancel":
                    client.cancel(self._random.choice(ids))
                return
            except AWAY:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)


def follow(url: str, ends: Counter[str], stopping: threading.Event) -> None:
    """Count the ends that one reader sees, who begins anew after its last event whenever the server goes away."""
    try:
        with Client(url) as client:
            for event in client.events(include="cancelled"):
                ends[event.generation_id or "gap"] += 1
    except AWAY:  # after the test the server is gone for good
        if not stopping.is_set():
            raise


@pytest.mark.timeout(3600)
async def test_nothing_accepted_is_lost_or_ends_twice_whoever_is_killed(
    serving: Server, store: Store, database: Database, request: pytest.FixtureRequest
) -> None:
    chance, kills = random.Random(7), request.config.getoption("--kills")
    url = f"http://127.0.0.1:{serving.port}"
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            with contextlib.suppress(*AWAY), Client(url) as client:
                await asyncio.to_thread(client.ask, "GET", "/health/ready")
                break
            await asyncio.sleep(0.1)
    seen: Counter[str] = Counter()
    loads = [Load(url, seed) for seed in range(3)]
    read_enough = threading.Event()
    threading.Thread(target=follow, args=(url, seen, read_enough), daemon=True).start()
    callers = [asyncio.create_task(asyncio.to_thread(load.run)) for load in loads]
    for _ in range(kills):
        await asyncio.sleep(chance.uniform(0.2, 2.5))
        await asyncio.to_thread(serving.kill, chance.choice(("worker", "server", "both")))
    for load in loads:
        load.stopping.set()
    await asyncio.gather(*callers)

    accepted = set().union(*(load.accepted for load in loads))
    assert accepted
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await store.find("local"):
            await asyncio.sleep(0.1)
    states = Counter([(await store.get("local", id)).state for id in accepted])
    assert set(states) <= set(ENDED)
    log, after, ends = EventLog(database), 0, Counter[str]()
    while (page := await log.after("local", after)).events:
        after = page.last_id
        ends.update(event.generation_id for event in page.events if event.kind in ENDING)
    assert not page.gap
    assert accepted <= set(ends)
    assert set(ends.values()) == {1}
    async with asyncio.timeout(PATIENCE_SECONDS):
        while set(seen) != set(ends):
            await asyncio.sleep(0.1)
    assert seen == ends
    read_enough.set()
