"""How fast the queue moves: enqueues and claims per second, with an empty table and with 10^5 rows waiting.

    .venv/bin/python benchmarks/queue_speed.py [--waiting 100000] [--folder .]

It measures SQL on the disk of `--folder`, with synchronous=FULL as the server runs it; no picture is made.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import sqlalchemy as sa

from limner.queue.hints import Hints
from limner.queue.store import Store
from limner.records.engine import Database, migrate
from limner.records.schema import generations
from limner.wire import ImageRequest, Plan

REQUEST = ImageRequest(namespace="bench", model="storybook", prompt="an ox")
PLAN = Plan(
    card="storybook", prompt="an ox", negative_prompt="", inputs=(), mask=None, width=1024, height=1024, steps=24,
    guidance=3.0, seed=1, image_index=0, quality="medium", input_fidelity="low", background="opaque",
    output_format="png", output_compression=None, batch_key="k0", cost=25.0,
)  # fmt: skip


async def timed(calls: int, call: Callable[[int], Awaitable[object]]) -> list[float]:
    """Seconds of each of `calls` calls, one after the other."""
    seconds = []
    for i in range(calls):
        began = time.perf_counter()
        await call(i)
        seconds.append(time.perf_counter() - began)
    return seconds


def tell(name: str, seconds: list[float]) -> None:
    """Print rate, median and the slowest of a hundred."""
    slow = statistics.quantiles(seconds, n=100)[98]
    rate = len(seconds) / sum(seconds)
    print(f"{name:34} {rate:7.0f}/s  p50 {statistics.median(seconds) * 1e3:6.2f} ms  p99 {slow * 1e3:6.2f} ms")


async def fill(database: Database, store: Store, waiting: int) -> None:
    """Copy one queued row until so many wait, with five batch keys."""
    [first] = await store.submit(REQUEST, [PLAN], 10**9)
    async with database.write() as connection:
        row = dict(
            (await connection.execute(sa.select(generations).where(generations.c.id == first.id))).one()._mapping
        )
        del row["number"]
        rows = [
            row | {"id": str(uuid.uuid4()), "batch_key": f"k{i % 5}", "turn": row["turn"] + 25.0 * i, "request_id": "r"}
            for i in range(1, waiting)
        ]
        await connection.execute(sa.insert(generations), rows)


async def measure(database: Database, waiting: int) -> None:
    """Time each call that the server and its workers make."""
    store = Store(database, Hints())
    if waiting:
        await fill(database, store, waiting)
    print(f"{waiting} waiting:")
    tell("submit, one by one", await timed(300, lambda _: store.submit(REQUEST, [PLAN], 10**9)))
    began = time.perf_counter()
    await asyncio.gather(*(store.submit(REQUEST, [PLAN], 10**9) for _ in range(200)))
    print(f"{'submit, 200 at once':34} {200 / (time.perf_counter() - began):7.0f}/s")
    taken = []

    async def claim(_: int) -> None:
        taken.extend(await store.claim("w", ["storybook"], 4, 15.0))

    tell("claim of up to 4", await timed(100, claim))
    tell("held (look for cancels)", await timed(300, lambda _: store.held("w")))
    tell("heartbeat", await timed(50, lambda _: store.heartbeat("w", 15.0)))
    tell("position", await timed(50, lambda i: store.outlook(taken[i], 1)))
    waits = (await store.find("bench", states=("queued",), limit=1))[0]
    tell("position of the last one", await timed(20, lambda _: store.outlook(waits, 1)))
    tell("finish", await timed(len(taken), lambda i: store.finish("w", taken[i].id, 1, "x.png", ())))
    tell("cancel", await timed(1, lambda _: store.cancel("bench", waits.id)) * 2)
    tell("find, newest 100 of the live", await timed(20, lambda _: store.find("bench")))


async def main() -> None:
    """Measure with an empty table, then with many waiting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, default=None)
    arguments = parser.parse_args()
    for waiting in (0, arguments.waiting):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            migrate(Path(folder) / "bench.sqlite")
            database = await Database.open(Path(folder) / "bench.sqlite")
            await measure(database, waiting)
            await database.close()


if __name__ == "__main__":
    asyncio.run(main())
