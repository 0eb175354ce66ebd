"""The census: how the queue stands over all namespaces, and each end counted once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from limner.errors import EngineFailed
from limner.queue.census import Census, Ended, Standing
from limner.queue.store import Store
from limner.records.engine import Database
from limner.wire import Generation

Enqueue = Callable[..., Awaitable[list[Generation]]]


class Clock(Protocol):
    time: float


async def test_the_queue_is_counted_by_card_and_state_over_all_namespaces(
    database: Database, store: Store, enqueue: Enqueue, clock: Clock
) -> None:
    census, began = Census(database), clock.time
    assert await census.standing() == []
    await enqueue("a", n=2)
    await store.claim("w", ["tiny"], 1, 15.0)
    clock.time += 5
    await enqueue("b", n=2)
    await enqueue("b", card="large")
    assert sorted(await census.standing()) == [
        Standing("large", "queued", 1, began + 5),
        Standing("tiny", "processing", 1, began),
        Standing("tiny", "queued", 3, began),
    ]


async def test_each_end_is_told_once_with_its_times(
    database: Database, store: Store, enqueue: Enqueue, clock: Clock
) -> None:
    [before] = await enqueue("a")
    await store.cancel("a", before.id)
    census, began = Census(database), clock.time
    assert await census.ended() == [], "what ended before the first look is not counted"
    [good, bad] = await enqueue("a", n=2)
    [unwanted] = await enqueue("b")
    clock.time += 2
    await store.claim("w", ["tiny"], 4, 15.0)
    clock.time += 3
    await store.finish("w", good.id, 1, "a/good.png", [])
    await store.fail("w", bad.id, 1, EngineFailed("no"))
    await store.cancel("b", unwanted.id)
    looks = await asyncio.gather(census.ended(), census.ended())
    assert sorted(looks[0] + looks[1], key=lambda one: one.state) == [
        Ended("tiny", "cancelled", None, 4, began, began + 2, began + 5),
        Ended("tiny", "failed", "engine_failed", 4, began, began + 2, began + 5),
        Ended("tiny", "succeeded", None, 4, began, began + 2, began + 5),
    ]
    assert await census.ended() == []
