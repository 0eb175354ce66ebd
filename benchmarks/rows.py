"""Fills a database as years of use would: most generations have ended, the rest wait, all with their events.

Each row is a copy of one that went through the queue itself, so it has the size and the shape of a real one whatever
columns there are; only what must differ is set here. Many rows take a few seconds, since nothing is fsynced on the way.
"""

import asyncio
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from limner.engines.plan import plan
from limner.engines.registry import resolve
from limner.queue.hints import Hints
from limner.queue.store import Store
from limner.records.engine import Database, migrate
from limner.wire import ImageRequest, Plan

NAMESPACES = 10
BATCH_KEYS = 5
STEP = 10 * NAMESPACES
"""Rows come in multiples of this."""
PROMPT = "a large brown ox standing on a snowy road at sunset, a small red house on the left, in the style of a woodcut"
UUID = "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-' || hex(randomblob(2)) || '-' || hex(randomblob(2)) || '-' || hex(randomblob(6)))"  # noqa: E501
NO_LIMIT = 10**9


def make_request(namespace: str = "n0", model: str = "storybook", **fields: object) -> ImageRequest:
    """A request such as a client sends."""
    submitted = {"model": model, "prompt": PROMPT, "quality": "medium", "size": "1024x1024"}
    return ImageRequest.model_validate(
        {
            "namespace": namespace,
            "model": model,
            "prompt": PROMPT,
            "quality": "medium",
            "submitted": submitted,
            **fields,
        }
    )


def make_plan(request: ImageRequest) -> Plan:
    """The plan of its first image."""
    return plan(request, resolve(request.model), 1)[0]


async def fill(file: Path, rows: int, *, waiting: int | None = None) -> None:
    """Make the database at `file` with so many generations, a tenth of which waits unless `waiting` says how many."""
    waiting = rows // 10 if waiting is None else waiting
    if rows % STEP or waiting % NAMESPACES:
        raise ValueError(f"rows must be a multiple of {STEP} and those that wait of {NAMESPACES}")
    await asyncio.to_thread(migrate, file)
    database = await Database.open(file)
    store, request = Store(database, Hints()), make_request("template")
    [queued] = await store.submit(request, [make_plan(request)], NO_LIMIT)
    [taken] = await store.claim("filler", [queued.plan.card], 1, 15.0)
    await store.finish("filler", taken.id, taken.attempt, f"results/n0/{taken.id}.png", ())
    await database.close()
    await asyncio.to_thread(_multiply, file, rows, rows - waiting)
    os.sync()  # else the first fsyncs of the benchmark would pay for it


def _multiply(file: Path, rows: int, ended: int) -> None:
    """Put copies of the one generation in its place: the first `ended` have ended, the others wait."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-400000", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(
            f"""CREATE TEMP TABLE made AS
            WITH RECURSIVE k(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM k WHERE i + 1 < :rows)
            SELECT i, {UUID} AS id, {UUID} AS request_id, 'n' || (i % {NAMESPACES}) AS namespace,
            i >= :ended AS waits, :now - :rows + i AS at FROM k""",
            {"rows": rows, "ended": ended, "now": time.time()},
        )
        copied = {name: f"t.{name}" for _, name, *_ in connection.execute("PRAGMA table_info(generations)")}
        del copied["number"]
        only_ended = ("worker", "leased_at", "lease_until", "result_path")
        copied |= {name: f"CASE WHEN NOT waits THEN t.{name} END" for name in only_ended}
        copied |= {name: f"made.{name}" for name in ("id", "request_id", "namespace")}
        copied |= {
            "batch_key": f"t.batch_key || (i % {BATCH_KEYS})",
            "state": "CASE WHEN waits THEN 'queued' ELSE t.state END",
            "turn": f"i * t.cost / {NAMESPACES}",
            "plan": "json_set(t.plan, '$.seed', i)",
            "attempt": "NOT waits",
            "enqueued_at": "at",
            "started_at": "CASE WHEN NOT waits THEN at + 2 END",
            "completed_at": "CASE WHEN NOT waits THEN at + 8 END",
        }
        columns, values = ", ".join(copied), ", ".join(copied.values())
        connection.execute("BEGIN")
        connection.execute(
            f"""INSERT INTO generations ({columns})
            SELECT {values} FROM made, generations AS t WHERE t.number = 1 ORDER BY i"""
        )
        for j, kind in enumerate(("queued", "started", "succeeded"), start=1):
            number = f"CASE WHEN waits THEN 3 * (:ended / {NAMESPACES}) + (i - :ended) / {NAMESPACES} + 1"
            number += f" ELSE 3 * (i / {NAMESPACES}) + :j END"
            connection.execute(
                f"""INSERT INTO events (namespace, id, generation_id, kind, created_at, data)
                SELECT made.namespace, {number}, made.id, kind, at + :j, data FROM made, events AS t
                WHERE t.namespace = 'template' AND t.kind = :kind AND (:j = 1 OR NOT waits) ORDER BY i""",
                {"ended": ended, "j": j, "kind": kind},
            )
        connection.execute("UPDATE clock SET turn = :ended * (SELECT cost FROM generations) / 10", {"ended": ended})
        connection.execute(
            f"""INSERT INTO counters (namespace, last_event, first_event, next_turn)
            SELECT made.namespace, :last, 1, :rows * t.cost / {NAMESPACES}
            FROM made, generations AS t WHERE t.number = 1 AND i < {NAMESPACES}""",
            {"rows": rows, "last": (3 * ended + rows - ended) // NAMESPACES},
        )
        connection.execute("DELETE FROM generations WHERE number = 1")
        for table in ("events", "counters"):
            connection.execute(f"DELETE FROM {table} WHERE namespace = 'template'")
        connection.execute("COMMIT")
