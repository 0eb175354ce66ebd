"""Event streams of which a fifth never reads; `--streams 500` for the long form, which waits until those are dropped.

The others must not be delayed, and the server must hold no more for the stuck ones than a page, whatever happens.
"""

import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from limner.cli.serve import STALLED_SECONDS
from limner.engines import plan, registry
from limner.errors import EngineFailed
from limner.queue.hints import HintClient
from limner.queue.store import Store
from limner.records.engine import Database
from limner.wire import ImageRequest

PATIENCE_SECONDS = 120.0
ROUNDS = 10
"""Ends whose way to every reader is timed."""
FAILURES = 60
LONG_MESSAGE = "It broke. " * 400
"""So many failures of such length are more than all the buffers between the server and a stuck reader hold."""
FLOOD = 2_000
"""Events that happen in one go."""
MANY_STREAMS = 500
"""From here on the test waits until the stuck ones are dropped."""
BYTES_A_STREAM = 600_000
"""Most memory that one more stream, read or stuck, may cost the server."""
BYTES_OF_A_FLOOD = 20_000_000
"""Most memory that another flood may cost, whoever is stuck."""


class Reader:
    """A stream that is read at once; `seen` is when each event's id came."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self.seen: dict[int, float] = {}
        self.news = asyncio.Event()
        self._reader = reader

    async def read(self) -> None:
        """Note ids until the stream ends."""
        while line := await self._reader.readline():
            if line.startswith(b"id: "):
                self.seen[int(line[4:])] = time.monotonic()
                self.news.set()

    async def until(self, id: int) -> float:
        """When the event came, once it has."""
        while id not in self.seen:
            self.news.clear()
            await self.news.wait()
        return self.seen[id]


class Crowd:
    """A server without workers, the readers of its streams, and a queue beside it that makes things happen."""

    def __init__(self, running: Any, store: Store) -> None:
        self.port = int(running.url.rpartition(":")[2])
        self.pid = running.process.pid
        self.url = running.url
        self.store = store
        self.readers: list[Reader] = []

    @asynccontextmanager
    async def reading(self, count: int) -> AsyncIterator[None]:
        """So many more streams that are read."""
        async with asyncio.TaskGroup() as tasks:
            reading, writers = [], []
            for _ in range(count):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(opening("replay_seconds=0"))
                await reader.readuntil(b"\r\n\r\n")
                self.readers.append(Reader(reader))
                reading.append(tasks.create_task(self.readers[-1].read()))
                writers.append(writer)
            yield
            for task, writer in zip(reading, writers, strict=True):
                task.cancel()
                writer.close()

    def stick(self) -> socket.socket:
        """One stream that asks for all failures and never reads, with the smallest buffers that there are."""
        stuck = socket.socket()
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        stuck.connect(("127.0.0.1", self.port))
        stuck.sendall(opening("replay_seconds=86400"))
        return stuck

    async def queue(self, count: int, **fields: Any) -> None:
        """Queue so many generations, ten to a request."""
        asked = ImageRequest(namespace="local", model="tiny", prompt="an ox", size="64x64", n=10, **fields)
        plans = plan.plan(asked, registry.resolve("tiny"), seed=1)
        await asyncio.gather(*(self.store.submit(asked, plans, 1_000_000) for _ in range(count // 10)))

    async def fail_at_length(self) -> None:
        """Let generations fail with long messages."""
        await self.queue(FAILURES)
        for one in await self.store.claim("w", ["tiny"], FAILURES, 600.0):
            await self.store.fail("w", one.id, one.attempt, EngineFailed(LONG_MESSAGE))

    async def flood(self) -> None:
        """Let a great many generations be queued and cancelled at once."""
        await self.queue(FLOOD // 2, cancel_after_seconds=0.5)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.store.find("local"):
                await asyncio.sleep(0.1)

    async def delays(self) -> list[float]:
        """Seconds from the end of a generation until each reader knows of it, a few times."""
        found = []
        await self.queue(ROUNDS)
        for one in await self.store.claim("w", ["tiny"], ROUNDS, 600.0):
            before = max((max(reader.seen, default=0) for reader in self.readers), default=0)
            began = time.monotonic()
            await self.store.finish("w", one.id, one.attempt, f"local/generations/file/main/{one.id}.png", ())
            async with asyncio.timeout(PATIENCE_SECONDS):
                id = await self.first_after(before)
                found += [await reader.until(id) - began for reader in self.readers]
        return sorted(found)

    async def first_after(self, id: int) -> int:
        """The first event that a reader sees after one."""
        reader = self.readers[0]
        while not (later := [seen for seen in reader.seen if seen > id]):
            reader.news.clear()
            await reader.news.wait()
        return min(later)

    def memory(self) -> int:
        """Bytes that the server holds in memory."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        return int(found[1]) * 1024 if found else pytest.fail("the server is gone")

    async def until_open(self, count: int) -> None:
        """Wait until the server has so many streams open."""
        async with (
            httpx2.AsyncClient(base_url=self.url, timeout=PATIENCE_SECONDS) as client,
            asyncio.timeout(STALLED_SECONDS + PATIENCE_SECONDS),
        ):
            while f"\nlimner_event_streams {count}.0\n" not in (await client.get("/metrics")).text:
                await asyncio.sleep(0.1)


def opening(query: str) -> bytes:
    """The request that opens a stream."""
    return f"GET /api/events?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


@pytest.fixture
async def crowd(start: Callable[..., Any], data: Path) -> AsyncIterator[Crowd]:
    """A server with nobody at it yet."""
    running = start(data, workers=0)
    database, hints = await Database.open(data / "limner.sqlite"), HintClient(data)
    await hints.start()
    yield Crowd(running, Store(database, hints))
    await hints.close()
    await database.close()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.timeout(900)
async def test_streams_that_nobody_reads_delay_no_other_and_cost_the_server_little(
    crowd: Crowd, request: pytest.FixtureRequest
) -> None:
    count = request.config.getoption("--streams")
    stuck = count // 5
    await crowd.fail_at_length()
    async with crowd.reading(count - stuck):
        await crowd.flood()
        alone = await crowd.delays()
        before = crowd.memory()
        sockets = [crowd.stick() for _ in range(stuck)]
        try:
            await crowd.until_open(count)
            await crowd.flood()
            beside = await crowd.delays()
            held = crowd.memory()
            assert held - before < stuck * BYTES_A_STREAM + BYTES_OF_A_FLOOD
            await crowd.flood()
            assert crowd.memory() - held < BYTES_OF_A_FLOOD
            assert beside[len(beside) // 2] < 3 * alone[len(alone) // 2] + 0.5
            assert beside[-1] < 3 * alone[-1] + 2.0
            if count >= MANY_STREAMS:
                await crowd.until_open(count - stuck)
                assert len(await crowd.delays()) == ROUNDS * (count - stuck)
        finally:
            for one in sockets:
                one.close()
