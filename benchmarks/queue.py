"""How fast the queue moves, and whether it slows down as its table fills. No picture is made and no server runs.

    .venv/bin/python -m benchmarks.queue [--quick] [--rows 1000 10000 100000 1000000] [--folder .]

huey and procrastinate do the same work in the same run; benchmarks/README.md says what each line means.
"""

import argparse
import asyncio
import random
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.results import Figure, Results, leave_out, read_arguments
from benchmarks.rows import NO_LIMIT, fill, make_plan, make_request
from limner.queue.events import EventLog
from limner.queue.hints import Hints, Listener
from limner.queue.store import Store
from limner.records.engine import Database
from limner.wire import Generation

if TYPE_CHECKING:
    from benchmarks.peers import Queue

    Open = Callable[[int], AbstractAsyncContextManager[Queue]]

ROWS = (1_000, 10_000, 100_000, 1_000_000)
QUICK_ROWS = (1_000, 10_000)
CALLS, QUICK_CALLS = 300, 30
LEASE_SECONDS = 15.0
WORKER = "bench"


class Limner:
    """Our own queue, as the server and a worker use it, in one process."""

    def __init__(self, database: Database) -> None:
        self.hints = Hints()
        self.store = Store(database, self.hints)
        self.log = EventLog(database)
        self._request = make_request()
        self._plan = make_plan(self._request)

    async def enqueue(self) -> None:
        """One request of one image."""
        await self.store.submit(self._request, [self._plan], NO_LIMIT)

    async def enqueue_together(self, count: int) -> None:
        """One request for each caller."""
        await asyncio.gather(*(self.enqueue() for _ in range(count)))

    async def claim(self) -> Generation:
        """The generation at the head."""
        [taken] = await self.store.claim(WORKER, ["storybook"], 1, LEASE_SECONDS)
        return taken

    async def finish(self, taken: Generation) -> None:
        """It has ended well."""
        await self.store.finish(WORKER, taken.id, taken.attempt, f"results/n0/{taken.id}.png", ())

    async def work(self) -> None:
        """What a worker does for one generation, without the picture."""
        await self.finish(await self.claim())

    async def notice(self) -> float:
        """A reader waits for a hint and then reads the log."""
        taken = await self.claim()
        last = await self.log.last_id(taken.namespace)
        with self.hints.listen("event", key=taken.namespace) as listener:
            reader = asyncio.create_task(self._see_end(taken, last, listener))
            await asyncio.sleep(random.uniform(0.005, 0.02))
            began = time.perf_counter()
            await self.finish(taken)
            return await reader - began

    async def _see_end(self, taken: Generation, last: int, listener: Listener) -> float:
        while True:
            page = await self.log.after(taken.namespace, last)
            if any(event.generation_id == taken.id for event in page.events):
                return time.perf_counter()
            last = page.last_id
            await listener.wait(1.0)


@asynccontextmanager
async def open_limner(folder: Path, rows: int) -> "AsyncIterator[Limner]":
    """A new database in this folder with so many rows."""
    file = folder / f"limner-{rows}.sqlite"
    await fill(file, rows)
    database = await Database.open(file)
    yield Limner(database)
    await database.close()


async def time_each(calls: int, call: Callable[[], Awaitable[object]]) -> list[float]:
    """Seconds of each of `calls` calls, one after the other."""
    seconds = []
    for _ in range(calls):
        began = time.perf_counter()
        await call()
        seconds.append(time.perf_counter() - began)
    return seconds


async def measure(queue: "Queue", calls: int) -> dict[str, Figure]:
    """What every queue can do."""
    # A new log file that grows with every commit is fsynced more slowly than one that is written over, as it is later.
    await time_each(calls, queue.enqueue)
    await time_each(5, queue.work)
    found = {"enqueue": Figure.rate(await time_each(calls, queue.enqueue))}
    began = time.perf_counter()
    await queue.enqueue_together(calls)
    found[f"enqueue, {calls} at once"] = Figure(calls / (time.perf_counter() - began), "per second")
    found["claim and finish"] = Figure.rate(await time_each(calls, queue.work))
    noticed = [await queue.notice() for _ in range(max(10, calls // 10))]
    seconds = [one for one in noticed if one is not None]
    if seconds:
        found["end to reader"] = Figure.median(seconds)
    return found


async def measure_ours(limner: Limner, calls: int) -> dict[str, Figure]:
    """What only our own queue is asked."""
    store, looks = limner.store, max(10, calls // 10)
    ended = await store.find("n0", states=("succeeded",), limit=calls)
    waiting = await store.find("n0", states=("queued",), limit=calls)
    held = await limner.claim()
    cancelled = count()
    calm = {
        "one generation": lambda: store.get("n0", random.choice(ended).id),
        "position of the last": lambda: store.outlook(waiting[0], 1),
        "newest 100 that have not ended": lambda: store.find("n0"),
        "newest 100 that succeeded": lambda: store.find("n0", states=("succeeded",)),
        "what a worker holds": lambda: store.held(WORKER),
        "heartbeat": lambda: store.heartbeat(WORKER, LEASE_SECONDS),
        "cancel": lambda: store.cancel("n0", waiting[next(cancelled) + 1].id),
    }
    found = {what: Figure.median(await time_each(looks, call)) for what, call in calm.items()}
    await limner.finish(held)
    return found


async def run(arguments: argparse.Namespace, results: Results, peers: "dict[str, Open]", folder: Path) -> None:
    """Measure every queue at every size."""
    calls = QUICK_CALLS if arguments.quick else CALLS
    first: dict[str, Figure] = {}
    for rows in arguments.rows or (QUICK_ROWS if arguments.quick else ROWS):
        others = {}
        for name, opened in peers.items():
            async with opened(rows) as queue:
                others[name] = await measure(queue, calls)
        async with open_limner(folder, rows) as limner:
            found = await measure(limner, calls) | await measure_ours(limner, calls)
        (folder / f"limner-{rows}.sqlite").unlink()
        for what, figure in found.items():
            ratios = {name: figure.times_better(other[what]) for name, other in others.items() if what in other}
            theirs = {name: other[what].value for name, other in others.items() if what in other}
            if what in first:
                ratios["fewest rows"] = figure.times_better(first[what])
            first.setdefault(what, figure)
            results.add(what, figure, ratios, rows=rows, others=theirs)


def open_peers(stack: ExitStack, folder: Path) -> "dict[str, Open]":
    """The other queues that can be had on this machine, by name; of each that cannot, why."""
    try:
        from benchmarks.peers import open_huey, open_procrastinate, serve_postgres
    except ImportError as missing:
        leave_out("huey and procrastinate", f"{missing.name} is not installed; pip install 'limner[bench]' brings it")
        return {}
    payload = make_plan(make_request()).model_dump(mode="json")
    peers: dict[str, Open] = {"huey": partial(open_huey, folder, payload)}
    try:
        address = stack.enter_context(serve_postgres(folder))
    except (OSError, subprocess.CalledProcessError) as error:
        leave_out("procrastinate", getattr(error, "stderr", None) or str(error))
    else:
        peers["procrastinate"] = partial(open_procrastinate, address, payload)
    return peers


def main() -> None:
    """Measure and write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", help="how many rows there are, one run for each number")
    parser.add_argument("--folder", type=Path, help="where the databases are made: the disk that is measured")
    arguments = read_arguments(parser)
    with tempfile.TemporaryDirectory(prefix="limner-bench-", dir=arguments.folder) as folder, ExitStack() as stack:
        Path(folder).chmod(0o711)  # PostgreSQL may run as another user, in a folder of its own in here
        peers = open_peers(stack, Path(folder))
        asyncio.run(run(arguments, Results("queue", arguments), peers, Path(folder)))


if __name__ == "__main__":
    main()
