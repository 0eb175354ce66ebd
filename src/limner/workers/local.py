"""Workers as child processes of the server: started, watched, restarted, stopped. It makes no pictures itself.

A child that dies while this process lives was killed by its work or by hand, and that is counted against the
generations it held (`Store.bury`). One that this process stops is not.
"""

import asyncio
import contextlib
import os
import secrets
import sys
import time
from dataclasses import dataclass

import structlog

from limner import errors
from limner.queue.store import Store
from limner.settings import Settings

FIRST_DELAY_SECONDS = 0.5
LAST_DELAY_SECONDS = 30.0
HEALTHY_SECONDS = 60.0
"""A worker that lived so long starts the back-off anew."""
STOP_SECONDS = 4.0
"""Between SIGTERM and SIGKILL; a worker needs about one."""

log = structlog.get_logger()


@dataclass(frozen=True)
class WorkerStatus:
    """One supervised worker as the health page shows it. `restarts` counts the starts after the first."""

    name: str
    pid: int | None
    started_at: float
    restarts: int


class ChildProcesses:
    """Keeps `settings.workers` worker processes alive. Each start has a name of its own, which fences off the dead."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._status: dict[int, WorkerStatus] = {}
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._keepers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start the workers; they load in the background."""
        self._keepers = [asyncio.create_task(self._keep(slot)) for slot in range(self._settings.workers)]

    def status(self) -> list[WorkerStatus]:
        """One entry per worker, in a fixed order; `pid` is None while it waits to be started again."""
        return [self._status[slot] for slot in sorted(self._status)]

    async def stop(self) -> None:
        """End all workers within 5 seconds and put what they held back into the queue, uncounted."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(self._end(slot) for slot in list(self._processes)))

    async def _keep(self, slot: int) -> None:
        delay, restarts = FIRST_DELAY_SECONDS, 0
        while True:
            began = time.monotonic()
            process = await self._start(slot, restarts)
            status = self._status[slot]
            code = await process.wait()
            del self._processes[slot]
            self._status[slot] = WorkerStatus(status.name, None, status.started_at, restarts)
            await self._mourn(status.name, code)
            if time.monotonic() - began > HEALTHY_SECONDS:
                delay = FIRST_DELAY_SECONDS
            await asyncio.sleep(delay)
            delay = min(2 * delay, LAST_DELAY_SECONDS)
            restarts += 1

    async def _start(self, slot: int, restarts: int) -> asyncio.subprocess.Process:
        name = f"local-{slot}-{secrets.token_hex(4)}"
        command = [sys.executable, "-m", "limner", "worker", "--data", str(self._settings.data.resolve())]
        # A session of its own: Ctrl-C in a terminal must reach the server alone, which then stops its workers in order.
        process = await asyncio.create_subprocess_exec(
            *command,
            "--name",
            name,
            "--parent",
            str(os.getpid()),
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        self._processes[slot] = process
        self._status[slot] = WorkerStatus(name, process.pid, time.time(), restarts)
        log.info("worker started", action="worker_start", worker=name, pid=process.pid)
        return process

    async def _mourn(self, name: str, code: int) -> None:
        """Take back what a worker held that ended by itself; only a death counts. Tries until the database answers."""
        while True:
            try:
                if code == 0:
                    count = await self._store.release(name)
                else:
                    count = await self._store.bury(name)
            except errors.StorageFailed as error:
                log.error(
                    "cannot take back a dead worker's generations", action="requeue", worker=name, error=error.message
                )
                await asyncio.sleep(1.0)
            else:
                log.warning("worker ended", action="worker_end", worker=name, exit_code=code, taken_back=count)
                return

    async def _end(self, slot: int) -> None:
        process, name = self._processes.pop(slot), self._status[slot].name
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            log.warning("worker does not stop; killing it", action="worker_end", worker=name)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        with contextlib.suppress(errors.StorageFailed):  # its leases run out by themselves
            await self._store.release(name)
