"""The way in: all or none of a request, many requests in one transaction, and nobody lost or taken along."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import sqlalchemy as sa

from limner.errors import StorageFailed, TooBusy
from limner.queue.events import EventLog
from limner.queue.store import Store
from limner.records.engine import Database
from limner.wire import Generation, ImageRequest

Enqueue = Callable[..., Coroutine[Any, Any, list[Generation]]]
Explain = Callable[[Coroutine[Any, Any, object]], Coroutine[Any, Any, list[str]]]


def ids(found: list[Generation]) -> list[str]:
    return [generation.id for generation in found]


async def test_one_request_is_queued_whole_with_one_request_id(store: Store, enqueue: Enqueue) -> None:
    queued = await enqueue(n=3)
    assert len({g.request_id for g in queued}) == 1
    assert [g.image_index for g in queued] == [0, 1, 2]
    assert [await store.get("a", g.id) for g in queued] == queued
    assert queued[0].state == "queued"
    assert queued[0].submitted == {"prompt": "an ox", "n": 3}
    assert queued[0].warnings == queued[0].plan.warnings


async def test_a_full_queue_takes_nothing_of_a_request(store: Store, enqueue: Enqueue, log: EventLog) -> None:
    [first] = await enqueue()
    request = ImageRequest(namespace="a", model="m", prompt="an ox")
    with pytest.raises(TooBusy) as refused:
        await store.submit(request, [first.plan, first.plan], 2)
    assert refused.value.retry_after_seconds > 0
    assert ids(await store.find("a")) == [first.id]
    assert (await log.after("a", 0)).last_id == 1
    await store.submit(request, [first.plan], 2)


async def test_two_hundred_requests_at_once_are_all_queued(store: Store, enqueue: Enqueue, log: EventLog) -> None:
    queued = await asyncio.gather(*(enqueue(f"n{i % 5}", n=1 + i % 2) for i in range(200)))
    for namespace in (f"n{i}" for i in range(5)):
        expected = {g.id for request in queued for g in request if g.namespace == namespace}
        assert set(ids(await store.find(namespace, limit=1000))) == expected
        events = (await log.after(namespace, 0, 1000)).events
        assert [e.id for e in events] == list(range(1, len(expected) + 1))


async def test_one_full_request_among_many_refuses_nobody_else(store: Store, enqueue: Enqueue, log: EventLog) -> None:
    [sample] = await enqueue()
    request = ImageRequest(namespace="b", model="m", prompt="an ox")
    outcomes = await asyncio.gather(
        *(store.submit(request, [sample.plan] * n, 5) for n in (2, 3, 2, 9)), return_exceptions=True
    )
    assert [isinstance(outcome, TooBusy) for outcome in outcomes] == [False, True, False, True]
    assert (await log.after("b", 0)).last_id == 4


async def test_a_caller_who_gives_up_takes_nobody_along(store: Store, enqueue: Enqueue) -> None:
    calls = [asyncio.create_task(enqueue(f"n{i}")) for i in range(10)]
    await asyncio.sleep(0)
    calls[0].cancel()
    calls[7].cancel()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [i for i in range(10) if isinstance(outcomes[i], asyncio.CancelledError)] == [0, 7]
    for i in set(range(10)) - {0, 7}:
        assert len(await store.find(f"n{i}")) == 1


async def test_a_database_that_fails_tells_every_caller(database: Database, enqueue: Enqueue) -> None:
    await database.write(lambda connection: connection.exec_driver_sql("ALTER TABLE events RENAME TO lost"))
    outcomes = await asyncio.gather(*(enqueue() for _ in range(5)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StorageFailed] * 5
    await database.write(lambda connection: connection.exec_driver_sql("ALTER TABLE lost RENAME TO events"))
    assert len(await enqueue()) == 1


async def test_requests_at_once_cost_few_transactions(database: Database, enqueue: Enqueue, log: EventLog) -> None:
    commits = 0

    def count(_: object) -> None:
        nonlocal commits
        commits += 1

    engine = await database.write(lambda connection: connection.engine)
    sa.event.listen(engine, "commit", count)
    await asyncio.gather(*(enqueue() for _ in range(100)))
    sa.event.remove(engine, "commit", count)
    assert 1 <= commits <= 3
    assert await log.last_id("a") == 100


async def test_a_submit_reads_what_waits_and_nothing_of_the_history(enqueue: Enqueue, explain: Explain) -> None:
    await enqueue()
    # How many wait, whose turn is last, and who would have to let the new ones pass: each from an index of what waits.
    assert await explain(enqueue(n=2)) == [
        "SCAN generations USING COVERING INDEX generations_waiting",
        "SEARCH generations USING INDEX generations_own (namespace=?)",
        "SEARCH generations USING INDEX generations_waiting (namespace=? AND priority<?)",
    ]
