"""The log of events: one per move, ids without holes in the order of commit, a horizon that is told."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from limner.errors import EngineFailed
from limner.queue.events import EventLog
from limner.queue.hints import Hints
from limner.queue.store import Store
from limner.records.engine import Database
from limner.settings import Settings
from limner.wire import Generation, ImageRequest

Enqueue = Callable[..., Awaitable[list[Generation]]]


class Clock(Protocol):
    time: float

    def step(self, seconds: float) -> None: ...


async def test_each_move_writes_one_event(store: Store, enqueue: Enqueue, log: EventLog, clock: Clock) -> None:
    good, bad, unwanted = await enqueue(n=3)
    await store.claim("w", ["tiny"], 4, 15.0)
    await store.finish("w", good.id, 1, "a/good.png", ["odd"])
    await store.fail("w", bad.id, 1, EngineFailed("no"))
    await store.release("w")
    await store.cancel("a", unwanted.id)
    page = await log.after("a", 0)
    told = [(event.generation_id, event.kind) for event in page.events]
    assert told == [
        *((g.id, "queued") for g in (good, bad, unwanted)),
        *((g.id, "started") for g in (good, bad, unwanted)),
        (good.id, "succeeded"),
        (bad.id, "failed"),
        (unwanted.id, "requeued"),
        (unwanted.id, "cancelled"),
    ]
    assert [event.id for event in page.events] == list(range(1, 11))
    assert {event.created_at for event in page.events} == {clock.time}
    base = {"request_id": good.request_id, "model": "gpt-image-1-5"}
    assert page.events[6].data == base | {"image_index": 0, "result_path": "a/good.png", "warnings": ["odd"]}
    assert page.events[7].data == base | {"image_index": 1, "error_code": "engine_failed", "error_message": "no"}


async def test_a_reader_goes_on_after_the_last_id_it_saw(enqueue: Enqueue, log: EventLog) -> None:
    await enqueue("a", 5)
    await enqueue("b", 1)
    first = await log.after("a", 0, limit=2)
    assert ([e.id for e in first.events], first.gap, first.last_id) == ([1, 2], False, 2)
    rest = await log.after("a", first.last_id)
    assert ([e.id for e in rest.events], rest.gap, rest.last_id) == ([3, 4, 5], False, 5)
    assert await log.after("a", 5) == ([], False, 5)
    assert await log.after("nobody", 0) == ([], False, 0)
    assert [await log.last_id(namespace) for namespace in ("a", "b", "nobody")] == [5, 1, 0]


async def test_writers_on_two_connections_leave_no_hole_and_no_disorder(
    database: Database, settings: Settings, enqueue: Enqueue, log: EventLog
) -> None:
    [sample] = await enqueue("a")
    other = await Database.open(settings.database_file)
    queues = [Store(database, Hints()), Store(other, Hints())]
    seen: list[int] = []
    done = asyncio.Event()

    async def write(store: Store) -> None:
        request = ImageRequest(namespace="a", model="m", prompt="an ox")
        for _ in range(30):
            await store.submit(request, [sample.plan, sample.plan], 10_000)

    async def read() -> None:
        while not done.is_set() or (await log.last_id("a")) > len(seen):
            page = await log.after("a", seen[-1] if seen else 0, limit=7)
            assert not page.gap
            seen.extend(event.id for event in page.events)

    reader = asyncio.create_task(read())
    await asyncio.gather(*(write(queue) for queue in queues), write(queues[0]))
    done.set()
    await reader
    await other.close()
    assert seen == list(range(1, 1 + 1 + 3 * 60))


async def test_a_new_reader_begins_with_the_events_of_late(enqueue: Enqueue, log: EventLog, clock: Clock) -> None:
    await enqueue(n=2)
    clock.time += 200
    await enqueue(n=3)
    clock.time += 200
    assert [await log.last_before("a", seconds) for seconds in (100, 300, 500)] == [5, 2, 0]
    assert await log.last_before("b", 500) == 0


async def test_a_clock_that_is_set_hides_no_event_of_late(
    store: Store, enqueue: Enqueue, log: EventLog, clock: Clock
) -> None:
    await enqueue()
    clock.time += 400
    await enqueue()
    clock.time += 100
    clock.step(3 * 3600)
    await store.cancel_late()  # the server does so every second, and so the step is seen
    clock.time += 100
    assert [await log.last_before("a", seconds) for seconds in (150, 300)] == [2, 1]
    await enqueue()
    clock.time += 150
    assert [await log.last_before("a", seconds) for seconds in (100, 200, 400)] == [3, 2, 1]
    clock.step(-7 * 3600)
    assert await log.last_before("a", 200) <= 2
    clock.time += 1000
    await enqueue()
    assert await log.last_before("a", 200) <= 3
    assert await log.trim(2000) == 0


async def test_a_reader_from_before_the_horizon_is_told_of_the_gap(
    enqueue: Enqueue, log: EventLog, clock: Clock
) -> None:
    await enqueue("a", 3)
    clock.time += 1000
    await enqueue("a", 2)
    await enqueue("b", 1)
    assert await log.trim(500) == 3
    late = await log.after("a", 1)
    assert ([e.id for e in late.events], late.gap, late.last_id) == ([4, 5], True, 5)
    in_time = await log.after("a", 3)
    assert ([e.id for e in in_time.events], in_time.gap) == ([4, 5], False)
    clock.time += 1000
    assert await log.trim(500) == 3
    assert await log.after("a", 4) == ([], True, 5)
    assert await log.after("a", 5) == ([], False, 5)
    await enqueue("a")
    assert [event.id for event in (await log.after("a", 5)).events] == [6]


async def test_an_id_from_another_database_is_a_gap(enqueue: Enqueue, log: EventLog) -> None:
    await enqueue("a", 2)
    assert await log.after("a", 99) == ([], True, 2)


async def test_a_clock_that_steps_back_makes_no_hole_in_the_log(enqueue: Enqueue, log: EventLog, clock: Clock) -> None:
    await enqueue("a", 2)
    clock.time -= 5000
    await enqueue("a", 2)
    clock.time += 5000
    assert await log.trim(500) == 0
    assert [event.id for event in (await log.after("a", 0)).events] == [1, 2, 3, 4]
