"""What the service costs on top of its engine: a real server, a real worker, real HTTP.

    .venv/bin/python -m benchmarks.serving [--quick] [--models tiny storybook] [--rows 100000] [--folder .]

benchmarks/README.md says what each line means.
"""

import argparse
import asyncio
import random
import sqlite3
import time
from contextlib import AsyncExitStack, closing
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.results import Figure, Results, quantiles, read_arguments
from benchmarks.rows import fill
from benchmarks.servers import Connection, Server, make_data, serve

AIM_SECONDS = 0.025
"""What the service may add to a picture."""
AIM_IDLE_PERCENT = 1.0
"""How much of its time the engine may wait while pictures are queued."""
FEW_ROWS = 1_000
READERS = 8
CROWD = 16
APART_SECONDS = 0.02
"""Between the callers of a crowd, so that there is an order in which they came."""
ROADS = {"hub": ("/api/ai/images/generate", "images"), "OpenAI": ("/v1/images/generations", "data")}
"""Where each dialect makes images, and what it calls them in its answer."""
MOST_OF_ONE = 4
"""Generations that one request may ask for."""
BODIES: dict[str, dict[str, Any]] = {
    "tiny": {"model": "tiny", "prompt": "stripes", "size": "64x64"},
    "storybook": {"model": "storybook", "prompt": "a red car on the left on a road at night", "quality": "medium"},
}
PROMPTS_OF_MANY = {"tiny": "stripes step-seconds=0.05", "storybook": BODIES["storybook"]["prompt"]}
"""Where pictures are queued; without a pause in its steps *tiny* would have nothing to do but wait."""
CALLS = {"tiny": 200, "storybook": 12}
QUICK_CALLS = {"tiny": 20, "storybook": 2}
QUEUED = {"tiny": 80, "storybook": 80}
QUICK_QUEUED = {"tiny": 12, "storybook": 5}


async def measure_model(model: str, results: Results, folder: Path | None, *, quick: bool) -> None:
    """What is added to a picture, how soon its end is known, and how long the engine waits between two."""
    body = BODIES[model]
    calls, queued = (QUICK_CALLS, QUICK_QUEUED) if quick else (CALLS, QUEUED)
    with make_data(folder) as data, serve(data, worker=True) as server:
        async with Connection.open(server) as connection, Connection.open(server) as stream:
            await connection.ask("POST", "/api/ai/images/generate", body)  # loads the engine
            seen: dict[int, float] = {}
            reading = asyncio.create_task(read_ends(stream, seen))
            for dialect in ROADS:
                added, alone = await measure_added(connection, server, dialect, body, calls[model])
                results.add(
                    f"added to a synchronous call, {dialect}", added, {"aim": AIM_SECONDS * 1e3 / added.value},
                    model=model, engine_ms=round(alone.value, 2),
                )  # fmt: skip
            await asyncio.sleep(0.2)  # the last end may still be on its way
            ends = Figure.median(end_latencies(server, seen))
            results.add("finish to reader", ends, {"aim": AIM_SECONDS * 1e3 / ends.value}, model=model)
            idle = await measure_idle(connection, server, body | {"prompt": PROMPTS_OF_MANY[model]}, queued[model])
            results.add("engine idle between queued ones", idle, {"aim": AIM_IDLE_PERCENT / idle.value}, model=model)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            if not (quick and model == "storybook"):  # half a minute
                crowd, in_order = await measure_crowd(server, body)
                results.add(f"{CROWD} callers at once", crowd, {}, model=model, in_order=in_order)


async def measure_added(
    connection: Connection, server: Server, dialect: str, body: dict[str, Any], calls: int
) -> tuple[Figure, Figure]:
    """What each call took less what its engine took, and what its engine took."""
    took = {}
    path, images = ROADS[dialect]
    for _ in range(calls):
        began = time.perf_counter()
        answer = await connection.ask("POST", path, body)
        took[answer[images][0]["generation_id"]] = time.perf_counter() - began
    engine = {id: run.ended - run.began for run in server.runs() for id in run.ids}
    return Figure.median([seconds - engine[id] for id, seconds in took.items()]), Figure.median(
        [engine[id] for id in took]
    )


async def measure_crowd(server: Server, body: dict[str, Any]) -> tuple[Figure, int]:
    """How long each of many callers waits who come one after the other at once, and how many are answered in turn."""
    answered: list[int] = []

    async def call(number: int) -> float:
        async with Connection.open(server) as connection:
            await asyncio.sleep(number * APART_SECONDS)
            began = time.perf_counter()
            await connection.ask("POST", "/api/ai/images/generate", body)
            answered.append(number)
            return time.perf_counter() - began

    took = await asyncio.gather(*(call(number) for number in range(CROWD)))
    return Figure.median(took), sum(number == turn for turn, number in enumerate(answered))


async def read_ends(stream: Connection, seen: dict[int, float]) -> None:
    """Note the wall time at which the reader of the event stream has each event that ends a generation."""
    await stream.send("GET", "/api/events?replay_seconds=0")
    number = 0
    async for line in stream.lines():
        if line.startswith("id: "):
            number = int(line[4:])
        elif line.startswith("data: "):
            seen[number] = time.time()


def end_latencies(server: Server, seen: dict[int, float]) -> list[float]:
    """Seconds from the moment a worker began to record an end until the reader had it; the commit is among them."""
    with closing(sqlite3.connect(server.data / "limner.sqlite")) as database:
        ends = database.execute("SELECT id, created_at FROM events WHERE kind = 'succeeded'").fetchall()
    return [seen[id] - at for id, at in ends if id in seen]


async def measure_idle(connection: Connection, server: Server, body: dict[str, Any], count: int) -> Figure:
    """The percentage of its time in which the engine does nothing although `count` pictures were queued at once."""
    before = len(server.runs())
    answers = [
        await connection.ask("POST", "/api/ai/queue", body | {"num_generations": min(MOST_OF_ONE, count - done)})
        for done in range(0, count, MOST_OF_ONE)
    ]
    waiting = {one["generation_id"] for answer in answers for one in answer["generations"]}
    while waiting:
        await asyncio.sleep(0.2)
        live = await connection.ask("GET", "/api/ai/queue")
        waiting &= {one["generation_id"] for one in live["generations"]}
    runs = server.runs()[before:]
    gaps = [later.began - earlier.ended for earlier, later in pairwise(runs)]
    share = sum(gaps) / (runs[-1].ended - runs[0].began)
    return Figure(share * 100, "%", quantiles(gaps) if gaps else {})


async def measure_status(results: Results, folder: Path | None, rows: int, seconds: float) -> None:
    """How many questions after one generation a server answers in a second, with few rows and with many."""
    few: dict[str, Figure] = {}
    for count in sorted({FEW_ROWS, rows}):
        with make_data(folder) as data:
            await fill(data / "limner.sqlite", count)
            with closing(sqlite3.connect(data / "limner.sqlite")) as database:
                # Without keys everything belongs to `local`.
                database.execute("UPDATE generations SET namespace = 'local' WHERE namespace = 'n0'")
                database.commit()
                own = database.execute("SELECT id, state FROM generations WHERE namespace = 'local'").fetchall()
            with serve(data, worker=False) as server:
                for state in ("succeeded", "queued"):
                    ids = [id for id, found in own if found == state]
                    figure = await ask_status(server, ids, seconds)
                    ratios = {"fewest rows": figure.times_better(few[state])} if state in few else {}
                    few.setdefault(state, figure)
                    results.add(f"status of a {state} one", figure, ratios, rows=count)


async def ask_status(server: Server, ids: list[str], seconds: float) -> Figure:
    """Ask for one after the other over several connections."""
    took: list[float] = []
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(Connection.open(server)) for _ in range(READERS)]
        began = time.perf_counter()

        async def ask(connection: Connection) -> None:
            while (now := time.perf_counter()) < began + seconds:
                await connection.ask("GET", f"/api/ai/queue/{random.choice(ids)}")
                took.append(time.perf_counter() - now)

        await asyncio.gather(*(ask(connection) for connection in connections))
        return Figure(len(took) / (time.perf_counter() - began), "per second", quantiles(took))


async def run(arguments: argparse.Namespace) -> None:
    """Measure everything that was asked for."""
    results = Results("serving", arguments)
    for model in arguments.models:
        await measure_model(model, results, arguments.folder, quick=arguments.quick)
    rows = arguments.rows or (10_000 if arguments.quick else 100_000)
    await measure_status(results, arguments.folder, rows, 1.0 if arguments.quick else 10.0)


def main() -> None:
    """Measure and write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", choices=sorted(BODIES), default=["tiny", "storybook"])
    parser.add_argument("--rows", type=int, help="rows in the table when the status is asked for")
    parser.add_argument("--folder", type=Path, help="where the data folders are made: the disk that is measured")
    asyncio.run(run(read_arguments(parser)))


if __name__ == "__main__":
    main()
