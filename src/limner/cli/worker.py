"""`limner worker`: one worker process, started by the server or by hand. It opens the rooms below and minds signals.

It ends by `os._exit`: an engine that does not come back from its step must not keep the process, and by then
everything it held is back in the queue.
"""

import asyncio
import ctypes
import os
import secrets
import signal
import socket
import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from limner.cli import terminal

if TYPE_CHECKING:
    from limner.settings import Settings
    from limner.workers.loop import WorkerLoop

PARENT_LOOK_SECONDS = 0.5
PR_SET_PDEATHSIG = 1
"""From <linux/prctl.h>: the signal this process gets when the one that started it is gone."""


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def worker(
        data: terminal.Data = None,
        name: Annotated[str | None, typer.Option(help="Name of this worker, never used before.")] = None,
        parent: Annotated[int | None, typer.Option(help="End when this process is gone.", hidden=True)] = None,
    ) -> None:
        """Make the images of queued generations, until stopped. `limner serve` starts its own workers."""
        from limner.cli import logs
        from limner.settings import Settings

        if parent is not None and sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        settings = Settings.read(data=data)
        logs.configure(settings.log_level, settings.log_format)
        terminal.require_database(settings)
        asyncio.run(_work(settings, name or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}", parent))


async def _work(settings: "Settings", name: str, parent: int | None) -> NoReturn:
    """Run the loop until a signal, or until the parent is gone; then end the process."""
    import structlog

    from limner.images.blobs import Blobs
    from limner.queue.hints import HintClient
    from limner.queue.store import Store
    from limner.records.deployments import Deployments
    from limner.records.engine import Database
    from limner.workers.loop import WorkerLoop

    hints = HintClient(settings.data)
    database = await Database.open(settings.database_file)
    deployments, blobs = Deployments(database), Blobs(settings.data)
    loop = WorkerLoop(name, Store(database, hints), deployments, blobs, hints, settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, loop.stop)
    if parent is not None:
        _watch_parent(parent, loop)
    await hints.start()
    [failure] = await asyncio.gather(loop.run(), return_exceptions=True)
    if failure is not None:
        # The supervisor counts this as a death, so that work which breaks the loop itself is not tried for ever.
        structlog.get_logger().critical("worker broke", action="worker_end", worker=name, exc_info=failure)
    sys.stderr.flush()
    os._exit(0 if failure is None else 1)


def _watch_parent(parent: int, loop: "WorkerLoop") -> None:
    """Stop the loop when the process is an orphan; the signal above comes sooner, but not on every system."""
    if os.getppid() == parent:
        asyncio.get_running_loop().call_later(PARENT_LOOK_SECONDS, _watch_parent, parent, loop)
    else:
        loop.stop()
