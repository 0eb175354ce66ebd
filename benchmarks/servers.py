"""A real server and worker for a benchmark, and a client that costs next to nothing. It measures nothing itself."""

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from benchmarks.results import ROOT

TINY = ROOT / "tests" / "tiny"
"""Where the engine of the tests is installed by standing on the path."""
PATIENCE_SECONDS = 600


class Run(NamedTuple):
    """One call of an engine, in seconds of the monotonic clock."""

    ids: list[str]
    began: float
    ended: float


class Server:
    """A server that runs on a data folder of its own."""

    def __init__(self, address: str, data: Path) -> None:
        self.host, self.port = urlsplit(address).hostname or "", urlsplit(address).port or 0
        self.data = data

    def runs(self) -> list[Run]:
        """What the engines of its worker have done so far, in order."""
        lines = (self.data / "runs.jsonl").read_text(encoding="utf-8").splitlines()
        return [Run(**json.loads(line)) for line in lines]


@contextmanager
def serve(data: Path, *, worker: bool) -> Iterator[Server]:
    """Start a server, and a worker that notes when its engine runs; both are stopped afterwards."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIMNER_")}
    paths = [str(ROOT / "src"), str(TINY), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))

    def start(*command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", *command], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        )

    with (data / "log").open("w", encoding="utf-8") as log:
        running = [start("limner", "serve", "--port", "0", "--data", str(data), "--workers", "0")]
        try:
            greeting = running[0].stdout.readline() if running[0].stdout else ""
            address = re.search(r"http://[^ ]+", greeting)
            if address is None:
                raise RuntimeError("the server did not start")
            if worker:
                running.append(start("benchmarks.worker", str(data / "runs.jsonl"), str(data)))
            yield Server(address.group(), data)
        except Exception as error:
            error.add_note("".join((data / "log").read_text(encoding="utf-8").splitlines(keepends=True)[-20:]))
            raise
        finally:
            for process in reversed(running):
                process.terminate()
                process.communicate(timeout=30)


@contextmanager
def make_data(folder: Path | None) -> Iterator[Path]:
    """A data folder, gone afterwards. Its path is short, since a socket lies in it."""
    with tempfile.TemporaryDirectory(prefix="limner-bench-", dir=folder) as data:
        yield Path(data)


class Connection:
    """One kept connection that asks one thing after the other. It knows as much HTTP as our own server speaks."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader = reader
        self._writer = writer
        self._host = host

    @classmethod
    @asynccontextmanager
    async def open(cls, server: Server) -> AsyncIterator[Self]:
        """Connect to the server inside the block."""
        reader, writer = await asyncio.open_connection(server.host, server.port)
        yield cls(reader, writer, f"{server.host}:{server.port}")
        writer.close()

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        """The answer's JSON; RuntimeError if it is not a good one."""
        await self.send(method, path, body)
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            content = await self._reader.readexactly(int(length.group(1)) if length else 0)
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{method} {path}: {content.decode()[:500]}")
        return json.loads(content)

    async def send(self, method: str, path: str, body: object = None) -> None:
        """Ask without waiting for the answer."""
        content = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\n"
        self._writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        await self._writer.drain()

    async def lines(self) -> AsyncIterator[str]:
        """The lines of a stream, as they come."""
        while line := await self._reader.readline():
            yield line.decode().rstrip()
