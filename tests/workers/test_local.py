"""Worker processes under their supervisor: started, restarted after a death, stopped. Real processes, no server."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from limner.queue.store import Store
from limner.settings import Settings
from limner.workers.local import ChildProcesses

PATIENCE_SECONDS = 90


@pytest.fixture
async def children(settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ChildProcesses]:
    """One supervised worker process."""
    monkeypatch.setenv("LIMNER_LEASE_SECONDS", str(settings.lease_seconds))
    children = ChildProcesses(settings, store)
    await children.start()
    yield children
    await children.stop()


async def until(holds: Callable[[], Any]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():
            await asyncio.sleep(0.02)


async def test_a_dead_worker_is_started_again_under_another_name(children: ChildProcesses) -> None:
    await until(lambda: children.status() and children.status()[0].pid)
    [first] = children.status()
    os.kill(first.pid or 0, signal.SIGKILL)
    await until(lambda: children.status()[0].restarts == 1 and children.status()[0].pid)
    [second] = children.status()
    assert second.name != first.name
    assert second.pid != first.pid


async def test_no_worker_outlives_a_stop(children: ChildProcesses) -> None:
    await until(lambda: children.status() and children.status()[0].pid)
    pid = children.status()[0].pid or 0
    async with asyncio.timeout(5):
        await children.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
