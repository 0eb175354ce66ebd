"""`limner serve` as a real process: what it says, what it refuses, and how it stops. Deaths are in tests/faults."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from limner import errors
from limner.cli.serve import listen, lock
from limner.queue.hints import Hints
from limner.queue.store import Store
from limner.records.engine import Database
from limner.settings import Settings

STOP_SECONDS = 20.0
"""Five on a machine that does nothing else."""
PATIENCE_SECONDS = 60
LONG = {"model": "tiny", "prompt": "steps=900 step-seconds=0.05", "size": "64x64"}


@dataclass(frozen=True)
class Running:
    """A server process that listens, and what it said before."""

    process: asyncio.subprocess.Process
    url: str
    said: str


@asynccontextmanager
async def serving(data: Path, *options: str) -> AsyncIterator[Running]:
    """A server on a free port, ended after the block."""
    command = [sys.executable, "-m", "limner", "serve", "--port", "0", "--data", str(data), *options]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            said = (await process.stdout.readuntil(b"-d ")).decode() if process.stdout else ""
        found = re.search(r"http://127\.0\.0\.1:\d+", said)
        yield Running(process, found[0] if found else "", said)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await process.communicate()


def mapped(pid: int) -> str:
    """The libraries that a process has loaded, where the system tells."""
    maps = Path(f"/proc/{pid}/maps")
    return maps.read_text() if maps.exists() else ""


def refused(*options: str) -> str:
    """The one line by which `limner serve` refuses to start."""
    command = [sys.executable, "-m", "limner", "serve", *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert ended.returncode == 1
    assert ended.stdout == ""
    [line] = ended.stderr.splitlines()
    return line


async def test_it_says_where_it_is_and_how_to_begin_once_it_listens(data: Path) -> None:
    async with serving(data / "new", "--workers", "0") as running, httpx2.AsyncClient(base_url=running.url) as client:
        assert (await client.get("/health/ready")).json() == {"status": "ready", "workers": 0}
        assert f"curl -s {running.url}/api/ai/images/generate" in running.said
        assert f"{running.url}/docs" in running.said
        assert (data / "new").stat().st_mode & 0o777 == 0o700
        assert (await client.get("/", headers={"Host": "evil.example"})).status_code == 403
        pid = running.process.pid
        assert "libtorch" not in mapped(pid), "the HTTP process loaded torch"
        assert f"pid {pid}" in refused("--port", "0", "--data", str(data / "new"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_ends_streams_and_waiting_calls_and_keeps_the_work(data: Path, number: signal.Signals) -> None:
    async with (
        serving(data, "--workers", "0") as running,
        httpx2.AsyncClient(base_url=running.url, timeout=PATIENCE_SECONDS) as client,
    ):
        call = asyncio.create_task(client.post("/api/ai/images/generate", json=LONG))
        while not (await client.get("/api/ai/queue")).json()["count"]:
            await asyncio.sleep(0.1)
        async with client.stream("GET", "/api/events") as stream:
            running.process.send_signal(number)
            async with asyncio.timeout(STOP_SECONDS):
                assert [line async for line in stream.aiter_lines() if line.startswith("data")] == []
                assert (await call).status_code == 503
                assert await running.process.wait() == 0
    database = await Database.open(data / "limner.sqlite")
    assert [one.state for one in await Store(database, Hints()).find("local")] == ["queued"]
    await database.close()


async def test_200_at_once_are_all_taken(server: str) -> None:
    body = LONG | {"prompt": "an ox"}
    async with httpx2.AsyncClient(base_url=server, timeout=PATIENCE_SECONDS) as client:
        answers = await asyncio.gather(*(client.post("/api/ai/queue", json=body) for _ in range(200)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["generations"][0]["generation_id"] for answer in answers}) == 200


async def test_what_is_no_http_is_refused_without_a_failure(server: str) -> None:
    port = int(server.rpartition(":")[2])
    for raw in (b"\x00\xff\r\n\r\n", b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(raw)
        assert (await reader.readline()).split(b" ")[1] in (b"400", b"403", b"404")
        writer.close()
        await writer.wait_closed()


def test_it_refuses_to_be_open_to_other_machines(data: Path) -> None:
    line = refused("--host", "0.0.0.0", "--data", str(data / "new"))
    assert "0.0.0.0" in line
    assert "127.0.0.1" in line
    assert "limner keys create" in line
    assert not (data / "new").exists()


def test_a_data_folder_without_a_key_stays_on_this_machine(settings: Settings) -> None:
    assert "limner keys create" in refused("--host", "0.0.0.0", "--port", "0", "--data", str(settings.data))


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host", "", "example.invalid"])
def test_an_address_of_another_machine_is_refused(host: str) -> None:
    with pytest.raises(errors.InvalidRequest), listen(host, 0):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux breaks what stalls")
def test_a_connection_whose_reader_stalls_is_broken_after_a_minute() -> None:
    with (
        listen("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000


def test_a_taken_port_is_one_line(data: Path, taken: int) -> None:
    assert str(taken) in refused("--port", str(taken), "--data", str(data))


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else listens on."""
    with listen("127.0.0.1", 0) as listener:
        yield listener.getsockname()[1]


def test_a_data_folder_that_cannot_be_made_is_refused(data: Path) -> None:
    (data / "file").write_text("")
    with pytest.raises(errors.StorageFailed, match="file"), lock(data / "file" / "below"):
        pass


def test_a_lock_is_free_again_after_its_holder(data: Path) -> None:
    for _ in range(2):
        with lock(data):
            assert (data / "serve.lock").read_text() == f"{os.getpid()}\n"
