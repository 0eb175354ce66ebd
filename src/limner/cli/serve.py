"""`limner serve`: one server process and its workers on one data folder, from the lock to the last goodbye.

It composes the rooms below and minds signals; what a request does is in `api`. It never loads a model.
"""

import asyncio
import errno
import fcntl
import gc
import ipaddress
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limner import __version__, errors
from limner.cli import terminal

if TYPE_CHECKING:
    from limner.api.services import Services, Workers
    from limner.settings import Settings
    from limner.workers.local import ChildProcesses

GRACE_SECONDS = 2
"""How long answers that are on their way may take once the server is told to stop."""
KEEP_ALIVE_SECONDS = 75
"""How long a connection may be idle: longer than the clients keep theirs, so that none asks while we close it."""
BACKLOG = 2048
STALLED_SECONDS = 60
"""A connection whose other end has taken nothing for so long, though something was sent, is broken by the kernel."""


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def serve(
        host: Annotated[
            str | None, typer.Option(help="Address to listen on; any but loopback needs a key (limner keys create).")
        ] = None,
        port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
        data: Annotated[
            Path | None, typer.Option(help="Folder of the database and the images; made if missing.")
        ] = None,
        workers: Annotated[
            int | None, typer.Option(help="Worker processes to start; 0 if you start them yourself.")
        ] = None,
    ) -> None:
        """Start the server and its workers, until stopped."""
        from limner.cli import logs
        from limner.settings import Settings

        settings = Settings.read(host=host, port=port, data=data, workers=workers)
        logs.configure(settings.log_level, settings.log_format)
        run(settings)


def run(settings: "Settings") -> None:
    """Serve until a signal comes. Whatever keeps the server from starting is a LimnerError of one line."""
    import uvloop

    if not is_loopback(settings.host) and not settings.database_file.exists():
        raise needs_a_key(settings)
    with (
        listen(settings.host, settings.port) as listener,
        lock(settings.data),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_serve(settings, listener))
    gc.freeze()  # everything is closed: let the interpreter end without searching all it loaded for garbage


@contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """A socket bound to an address; InvalidRequest if it is none of this machine, Conflict if the port is taken."""
    family, address = resolve(host, port)
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sys.platform == "linux":  # every connection inherits it; else a reader who stops reading stays for ever
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_SECONDS * 1000)
        try:
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise errors.InvalidRequest(f"--host {host} is not an address of this machine.") from None
            raise errors.Conflict(
                f"Port {port} on {host} cannot be used: {error.strerror}. Choose another --port."
            ) from None
        yield listener


def resolve(host: str, port: int) -> tuple[int, Any]:
    """The address family and the address to bind to; InvalidRequest if the name stands for none."""
    try:
        # An empty name would stand for every address; nobody means that by it.
        family, _, _, _, address = socket.getaddrinfo(
            host or "-", port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError):
        raise errors.InvalidRequest(f"--host {host} is not an address of this machine.") from None
    return family, address


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine can reach what listens there."""
    _, address = resolve(host, 0)
    return ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback


def needs_a_key(settings: "Settings") -> errors.InvalidRequest:
    """Why a server without a key stays on loopback."""
    return errors.InvalidRequest(
        f"--host {settings.host} lets other machines in, and without a key anyone could use this server. "
        f"Make one first (limner keys create --data {settings.data}), or use 127.0.0.1."
    )


@contextmanager
def lock(data: Path) -> Iterator[None]:
    """The data folder (made with mode 0700 if missing), held by this process alone; Conflict names who holds it."""
    terminal.make_folder(data)
    try:
        file = os.open(data / "serve.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise errors.StorageFailed(f"The data folder {data} cannot be used: {error.strerror}.") from None
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pid = os.read(file, 20).decode(errors="replace").strip()
            raise errors.Conflict(f"The data folder {data} is in use by the server with pid {pid}.") from None
        try:
            os.ftruncate(file, 0)
            os.write(file, f"{os.getpid()}\n".encode())
        except OSError as error:
            raise errors.StorageFailed(f"The data folder {data} cannot be used: {error.strerror}.") from None
        yield
    finally:
        os.close(file)


async def _serve(settings: "Settings", listener: socket.socket) -> None:
    import structlog
    import uvicorn

    from limner.api.app import create_app
    from limner.api.heads import BoundedHttp

    log = structlog.get_logger(__name__)
    async with open_services(settings) as (services, children):
        keyed = not await services.gate.is_keyless()
        if not keyed and not is_loopback(settings.host):
            raise needs_a_key(settings)
        app = create_app(services)
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=BoundedHttp,
                ws="none",
                lifespan="on",
                access_log=False,
                log_level="error",
                log_config=None,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )

        def stop() -> None:
            log.info("stopping", action="stop")
            server.force_exit = server.should_exit  # a second signal waits for nobody
            server.should_exit = True
            app.state.feed.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        # Not server.serve(): it would take over the signals and, once stopped, raise them again, past our goodbyes.
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        await server.startup([listener])
        await children.start()
        greet(settings, listener, keyed=keyed)
        log.info("listening", action="serve", version=__version__, workers=settings.workers)
        await server.main_loop()
        began = time.monotonic()
        await asyncio.gather(server.shutdown([listener]), children.stop())
        log.info("stopped", action="stop", seconds=round(time.monotonic() - began, 1))


@asynccontextmanager
async def open_services(settings: "Settings") -> AsyncIterator[tuple["Services", "ChildProcesses"]]:
    """The rooms below, opened on the data folder, and the workers, not yet started."""
    from limner.api.assets import Files
    from limner.api.auth import Gate
    from limner.api.services import Services
    from limner.images.blobs import Blobs
    from limner.queue.census import Census
    from limner.queue.clock import Clock
    from limner.queue.events import EventLog
    from limner.queue.hints import HintServer
    from limner.queue.store import Store
    from limner.records.assets import Assets
    from limner.records.deployments import Deployments
    from limner.records.engine import Database, migrate
    from limner.records.keys import Keys
    from limner.workers.local import ChildProcesses

    await asyncio.to_thread(migrate, settings.database_file)
    database = await Database.open(settings.database_file)
    hints = HintServer(settings.data)
    try:
        await hints.start()
        clock = Clock()
        store, blobs = Store(database, hints, clock), Blobs(settings.data)
        children = ChildProcesses(settings, store)
        services = Services(
            settings=settings,
            store=store,
            events=EventLog(database, clock),
            census=Census(database),
            hints=hints,
            blobs=blobs,
            files=Files(Assets(database), blobs, settings),
            gate=Gate(Keys(database)),
            deployments=Deployments(database),
            workers=lambda: _count(children),
        )
        yield services, children
    finally:
        await hints.close()
        await database.close()


def _count(children: "ChildProcesses") -> "Workers":
    from limner.api.services import Workers

    status = children.status()
    living = sum(one.pid is not None for one in status)
    return Workers(living, len(status) - living, sum(one.restarts for one in status))


def greet(settings: "Settings", listener: socket.socket, *, keyed: bool) -> None:
    """Say where the server is and how to make the first picture."""
    from limner.api.calls import first_call

    address, port = listener.getsockname()[:2]
    base = f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
    print(f"Limner listens on {base} (data in {settings.data}).")
    print(f"Open it in a browser to make pictures. Reference: {base}/docs")
    if keyed:
        print("It asks for a key; `limner keys create` makes one. The first picture, with your key in LIMNER_KEY:\n")
    else:
        print(
            "No key is needed: it serves programs of this machine only, as the namespace `local`. The first picture:\n"
        )
    print(first_call(base, keyed=keyed), flush=True)
