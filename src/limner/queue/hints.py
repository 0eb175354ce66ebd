"""Hints: wake, cancel, progress, preview and "look at the log", between the server and its workers. Never the truth.

The server listens on a Unix socket in the data folder; workers connect, and again whenever the server comes back.
One line of JSON per hint. Whoever is slow loses the oldest hints, never the publisher's time: losing every hint only
costs latency, since the table is polled besides. All methods belong to the event loop's thread.
"""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from limner.errors import StorageFailed

Kind = Literal["wake", "cancel", "progress", "preview", "engine", "event"]
KINDS: tuple[str, ...] = get_args(Kind)
EngineStatus = Literal["inactive", "deploying", "active", "error"]
STATUSES: tuple[EngineStatus, ...] = get_args(EngineStatus)
PENDING = 256
"""Most hints kept for one reader."""
LONGEST_PATH = 100
"""Bytes; sun_path holds 108 on Linux and 104 on macOS."""


class Hint(NamedTuple):
    """`key` is the generation's id (cancel, progress, preview), the namespace (event) or the card (engine)."""

    kind: Kind
    key: str = ""
    step: int = 0
    of: int = 0


class Listener:
    """The hints one reader has not yet taken: each at most once, the oldest dropped when there are too many."""

    def __init__(self, kinds: tuple[Kind, ...], key: str | None) -> None:
        self._kinds = kinds
        self._key = key
        self._pending: dict[Hint, None] = {}
        self._some = asyncio.Event()

    def offer(self, hint: Hint) -> None:
        """Keep the hint if it is one of those listened for."""
        if hint.kind not in self._kinds or self._key not in (None, hint.key):
            return
        self._pending[hint] = None
        if len(self._pending) > PENDING:
            del self._pending[next(iter(self._pending))]
        self._some.set()

    async def wait(self, timeout_seconds: float | None = None) -> list[Hint]:
        """The hints since the last call, oldest first, as soon as there is one; none when the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._some.wait()
        taken = list(self._pending)
        self._pending.clear()
        self._some.clear()
        return taken


class Hints:
    """Hints inside one process; HintServer and HintClient carry them to others as well."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._engines: dict[_Link | None, dict[str, EngineStatus]] = {}

    @contextlib.contextmanager
    def listen(self, *kinds: Kind, key: str | None = None) -> Iterator[Listener]:
        """Hear the hints of these kinds (of one generation or namespace, if `key` is given) inside the block."""
        listener = Listener(kinds, key)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def wake(self) -> None:
        """There may be something to claim."""
        self._publish(Hint("wake"))

    def cancel(self, id: str) -> None:
        """The generation is no longer wanted."""
        self._publish(Hint("cancel", id))

    def progress(self, id: str, step: int, of: int) -> None:
        """Step `step` (from 1) of `of` is done."""
        self._publish(Hint("progress", id, step, of))

    def preview(self, id: str, index: int, of: int) -> None:
        """The partial image `index` (from 0) of `of` is stored."""
        self._publish(Hint("preview", id, index, of))

    def event(self, namespace: str) -> None:
        """The log of the namespace has grown."""
        self._publish(Hint("event", namespace))

    def engine(self, card: str, status: EngineStatus) -> None:
        """What has become of this worker's engine of the card."""
        self._publish(Hint("engine", card, STATUSES.index(status)))

    def engine_statuses(self, card: str) -> set[EngineStatus]:
        """What the connected workers have said of their engines of this card; empty if none has said anything."""
        return {said[card] for said in self._engines.values() if card in said}

    def _publish(self, hint: Hint, source: "_Link | None" = None) -> None:
        if hint.kind == "engine" and 0 <= hint.step < len(STATUSES):
            self._engines.setdefault(source, {})[hint.key] = STATUSES[hint.step]
        for listener in self._listeners:
            listener.offer(hint)


class HintServer(Hints):
    """The hub, in the server's process. It hears all; of what it hears and says, wake and cancel go on to workers."""

    def __init__(self, data: Path) -> None:
        super().__init__()
        self._data = data
        self._links: dict[_Link, asyncio.Task[None] | None] = {}
        self._server: asyncio.Server | None = None
        self._socket = data / "hints.sock"
        self._note = data / "hints.path"

    async def start(self) -> None:
        """Listen; StorageFailed if the file system gives no socket.

        The data folder must be this process's own: a socket left behind by a killed server is replaced.
        """
        try:
            listening = self._bind()
        except OSError as error:
            raise StorageFailed(f"No socket can be made in the data folder: {error.strerror}.") from error
        self._server = await asyncio.start_unix_server(self._serve, sock=listening)

    def _bind(self) -> socket.socket:
        self._remove_files()
        self._socket = self._data / "hints.sock"
        if len(os.fsencode(self._socket.absolute())) > LONGEST_PATH:
            self._socket = Path(tempfile.mkdtemp(prefix="limner-")) / "hints.sock"
            descriptor = os.open(self._note, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as note:
                note.write(os.fsencode(self._socket))
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.bind(os.fspath(self._socket))
            self._socket.chmod(0o600)  # nobody can connect before listen()
        except OSError:
            listening.close()
            raise
        return listening

    async def close(self) -> None:
        """Stop listening and drop the connections."""
        if self._server is not None:
            self._server.close()
        for link in self._links:
            link.close()
        await asyncio.gather(*filter(None, self._links.values()), return_exceptions=True)
        self._remove_files()

    def _remove_files(self) -> None:
        if self._note.exists():
            # The folder was made by us, for the socket alone; its name comes from a file only we can write.
            shutil.rmtree(_socket_path(self._data).parent, ignore_errors=True)
        for file in (self._note, self._data / "hints.sock"):
            file.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(self, reader, writer, ("wake", "cancel"))
        self._links[link] = asyncio.current_task()
        try:
            await link.run()
        finally:
            del self._links[link]
            self._engines.pop(link, None)

    def _publish(self, hint: Hint, source: "_Link | None" = None) -> None:
        super()._publish(hint, source)
        for link in self._links:
            if link is not source:
                link.offer(hint)


class HintClient(Hints):
    """A worker's end. It connects by itself, again and again; while it cannot, hints stay inside the process."""

    def __init__(self, data: Path, retry_seconds: float = 0.5) -> None:
        super().__init__()
        self._data = data
        self._retry_seconds = retry_seconds
        self._link: _Link | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to connect; returns at once."""
        self._task = asyncio.create_task(self._connect())

    async def close(self) -> None:
        """Drop the connection and stop trying."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _connect(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_unix_connection(_socket_path(self._data))
                self._link = _Link(self, reader, writer, get_args(Kind))
                super()._publish(Hint("wake"))  # what was said while there was no connection is not known
                for card, status in self._engines.get(None, {}).items():
                    self._link.offer(Hint("engine", card, STATUSES.index(status)))
                try:
                    await self._link.run()
                finally:
                    self._link = None
            await asyncio.sleep(self._retry_seconds)

    def _publish(self, hint: Hint, source: "_Link | None" = None) -> None:
        super()._publish(hint, source)
        if self._link is not None and self._link is not source:
            self._link.offer(hint)


class _Link:
    """One connection: hints that arrive are published, hints that are offered are written when the peer reads."""

    def __init__(
        self, hints: Hints, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kinds: tuple[Kind, ...]
    ) -> None:
        self._hints = hints
        self._reader = reader
        self._writer = writer
        self._out = Listener(kinds, None)
        self.offer = self._out.offer

    async def run(self) -> None:
        """Carry hints until the peer is gone."""
        writing = asyncio.create_task(self._write())
        try:
            while line := await self._reader.readline():
                hint = _parse(line)
                if hint is not None:
                    self._hints._publish(hint, self)
        except (OSError, ValueError):
            pass  # the peer broke off, or sent a line that has no end
        finally:
            writing.cancel()
            self.close()
            await asyncio.gather(writing, return_exceptions=True)

    def close(self) -> None:
        """Break the connection, sent or not."""
        self._writer.transport.abort()

    async def _write(self) -> None:
        while True:
            hints = await self._out.wait()
            self._writer.write(b"".join(json.dumps(hint._asdict()).encode() + b"\n" for hint in hints))
            await self._writer.drain()


def _socket_path(data: Path) -> Path:
    """Where the server listens: in the data folder, or where the note there says."""
    note = data / "hints.path"
    return Path(os.fsdecode(note.read_bytes())) if note.exists() else data / "hints.sock"


def _parse(line: bytes) -> Hint | None:
    """The hint of one line; what another version may send besides is passed over."""
    try:
        kind, key, step, of = Hint(**json.loads(line))
    except (ValueError, TypeError):
        return None
    types = [type(value) for value in (kind, key, step, of)]
    return Hint(kind, key, step, of) if kind in KINDS and types == [str, str, int, int] else None
