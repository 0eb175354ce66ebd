"""The queue: what a claim takes, who may finish, what a cancel stops. Leases and deaths are in test_states."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Protocol

import pytest
import sqlalchemy as sa

from limner.errors import EngineFailed, LeaseLost, NotFound
from limner.queue.events import EventLog
from limner.queue.hints import Hints
from limner.queue.states import ENDED
from limner.queue.store import Store
from limner.records.engine import Database
from limner.records.schema import generations
from limner.wire import Generation, Plan

Enqueue = Callable[..., Awaitable[list[Generation]]]
Explain = Callable[[Awaitable[object]], Awaitable[list[str]]]
CARDS = ["tiny"]


class Clock(Protocol):
    """The clocks of the test."""

    time: float

    def step(self, seconds: float) -> None: ...


def ids(found: list[Generation]) -> list[str]:
    return [generation.id for generation in found]


async def claim(store: Store, worker: str = "w", max_batch: int = 4) -> list[Generation]:
    return await store.claim(worker, CARDS, max_batch, 15.0)


async def test_a_claim_takes_one_batch_key_only(store: Store, enqueue: Enqueue) -> None:
    first, other, second = [(await enqueue(key=key))[0] for key in ("k", "other", "k")]
    taken = await claim(store)
    assert ids(taken) == [first.id, second.id]
    assert {(g.state, g.worker, g.attempt) for g in taken} == {("processing", "w", 1)}
    assert ids(await claim(store)) == [other.id]
    assert await claim(store) == []


async def test_a_claim_takes_only_cards_the_worker_serves(store: Store, enqueue: Enqueue) -> None:
    await enqueue(card="large")
    [small] = await enqueue(card="tiny")
    assert ids(await claim(store)) == [small.id]
    assert await store.claim("w", [], 4, 15.0) == []
    assert len(await store.claim("w", ["tiny", "large"], 4, 15.0)) == 1


async def test_a_claim_takes_no_more_than_a_batch(store: Store, enqueue: Enqueue) -> None:
    queued = await enqueue(n=5)
    assert ids(await claim(store, max_batch=3)) == ids(queued)[:3]
    assert ids(await claim(store, max_batch=1)) == ids(queued)[3:4]


async def test_two_workers_never_take_the_same_generation(store: Store, enqueue: Enqueue) -> None:
    queued = [g for i in range(15) for g in await enqueue(f"n{i % 3}", 4, key=f"k{i % 2}")]
    taken: list[str] = []

    async def work(worker: str) -> None:
        while batch := await claim(store, worker, 3):
            taken.extend(ids(batch))
            await asyncio.sleep(0)

    await asyncio.gather(*(work(f"w{i}") for i in range(4)))
    assert sorted(taken) == sorted(ids(queued))


async def test_newcomers_join_the_running_batch_until_another_key_is_next(store: Store, enqueue: Enqueue) -> None:
    await enqueue()
    await claim(store)
    assert await store.join("w", "k", 2, 15.0) == []
    newcomers = ids(await enqueue(n=2))
    [other] = await enqueue(key="other")
    await enqueue()
    assert ids(await store.join("w", "k", 1, 15.0)) == newcomers[:1]
    assert ids(await store.join("w", "k", 3, 15.0)) == newcomers[1:]
    assert await store.join("w", "k", 3, 15.0) == []
    assert await store.join("stranger", "k", 3, 15.0) == []
    assert ids(await claim(store, "v")) == [other.id]
    assert len(await store.join("w", "k", 3, 15.0)) == 1


async def test_only_the_present_attempt_of_the_present_worker_finishes(store: Store, enqueue: Enqueue) -> None:
    [queued] = await enqueue()
    with pytest.raises(LeaseLost):
        await store.finish("w", queued.id, 0, "early.png", ())
    await claim(store)
    for worker, attempt in (("v", 1), ("w", 0), ("w", 2)):
        with pytest.raises(LeaseLost):
            await store.finish(worker, queued.id, attempt, "wrong.png", ())
        with pytest.raises(LeaseLost):
            await store.fail(worker, queued.id, attempt, EngineFailed("no"))
    await store.finish("w", queued.id, 1, "a/ox.png", ["odd"])
    done = await store.get("a", queued.id)
    assert (done.state, done.result_path, done.warnings) == ("succeeded", "a/ox.png", ("odd",))
    with pytest.raises(LeaseLost):
        await store.finish("w", queued.id, 1, "twice.png", ())


async def test_a_failure_keeps_its_code_and_message(store: Store, enqueue: Enqueue, clock: Clock) -> None:
    [queued] = await enqueue()
    await claim(store)
    await store.fail("w", queued.id, 1, EngineFailed("The picture has no pixels."))
    failed = await store.get("a", queued.id)
    assert (failed.state, failed.error_code) == ("failed", "engine_failed")
    assert failed.error_message == "The picture has no pixels."
    assert failed.completed_at == clock.time


async def test_a_cancelled_generation_is_never_claimed(store: Store, enqueue: Enqueue) -> None:
    first, second = await enqueue(n=2)
    assert (await store.cancel("a", first.id)).state == "cancelled"
    assert ids(await claim(store)) == [second.id]


async def test_a_cancel_takes_a_running_generation_from_its_worker(store: Store, enqueue: Enqueue) -> None:
    first, second = await enqueue(n=2)
    await claim(store)
    assert await store.held("w") == {first.id, second.id}
    cancelled = await store.cancel("a", first.id)
    assert (cancelled.state, cancelled.completed_at is not None) == ("cancelled", True)
    assert await store.held("w") == {second.id}
    assert await store.heartbeat("w", 15.0) == {second.id}
    with pytest.raises(LeaseLost):
        await store.finish("w", first.id, 1, "late.png", ())


async def test_a_cancel_changes_nothing_that_has_ended(store: Store, enqueue: Enqueue, log: EventLog) -> None:
    [queued] = await enqueue()
    await claim(store)
    await store.finish("w", queued.id, 1, "a.png", ())
    before = await log.after("a", 0)
    assert await store.cancel("a", queued.id) == await store.get("a", queued.id)
    assert (await store.get("a", queued.id)).state == "succeeded"
    assert await log.after("a", 0) == before


async def test_a_generation_belongs_to_its_namespace_alone(store: Store, enqueue: Enqueue) -> None:
    [queued] = await enqueue("a")
    for ask in (store.get, store.cancel):
        with pytest.raises(NotFound):
            await ask("b", queued.id)
    assert (await store.get("a", queued.id)).state == "queued"
    assert await store.find("b") == []


async def test_cancels_racing_with_claims_and_finishes_leave_one_end(
    store: Store, enqueue: Enqueue, log: EventLog
) -> None:
    queued = [g for _ in range(10) for g in await enqueue(n=15)]
    chance = random.Random(1)
    refused: list[str] = []

    async def work(worker: str) -> None:
        while batch := await claim(store, worker, 4):
            for generation in batch:
                try:
                    await store.finish(worker, generation.id, generation.attempt, "x.png", ())
                except LeaseLost:
                    refused.append(generation.id)

    async def cancel() -> None:
        for generation in chance.sample(queued, len(queued)):
            await store.cancel("a", generation.id)

    await asyncio.gather(work("w0"), work("w1"), cancel())
    states = {g.id: g.state for g in await store.find("a", states=("succeeded", "cancelled"), limit=1000)}
    assert len(states) == len(queued)
    assert all(states[id] == "cancelled" for id in refused)
    events = (await log.after("a", 0, 10_000)).events
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    ends = [event for event in events if event.kind in ("succeeded", "cancelled")]
    assert {event.generation_id: event.kind for event in ends} == states
    assert len(ends) == len(queued)
    assert set(states.values()) == {"succeeded", "cancelled"}


async def test_find_lists_the_newest_first_and_pages(store: Store, enqueue: Enqueue) -> None:
    queued = [(await enqueue(model=f"m{i % 2}"))[0] for i in range(6)]
    newest = ids(queued)[::-1]
    await store.cancel("a", queued[5].id)
    assert ids(await store.find("a")) == newest[1:]
    assert ids(await store.find("a", states=("cancelled", "queued"))) == newest
    assert ids(await store.find("a", limit=2)) == newest[1:3]
    assert ids(await store.find("a", limit=2, before=newest[2])) == newest[3:5]
    assert ids(await store.find("a", model="m0")) == [queued[i].id for i in (4, 2, 0)]
    assert await store.find("a", states=()) == []


async def test_position_counts_those_that_come_before(store: Store, enqueue: Enqueue) -> None:
    first, second = await enqueue("a", 2)
    [guest] = await enqueue("b")
    await enqueue("a", card="large")
    assert [(await store.outlook(g, 1)).position for g in (first, second, guest)] == [0, 2, 1]
    await claim(store, max_batch=1)
    assert [(await store.outlook(g, 1)).position for g in (first, second, guest)] == [0, 1, 0]


async def test_a_move_gives_its_hints(store: Store, enqueue: Enqueue, hints: Hints) -> None:
    with hints.listen("wake", "event", "cancel") as heard:
        [queued] = await enqueue()
        assert {hint[:2] for hint in await heard.wait(0)} == {("wake", ""), ("event", "a")}
        await store.cancel("a", queued.id)
        assert {hint[:2] for hint in await heard.wait(0)} == {("cancel", queued.id), ("event", "a")}


async def test_a_claim_among_many_reads_by_index_alone(database: Database, store: Store, enqueue: Enqueue) -> None:
    [queued] = await enqueue(n=1)
    statements: list[tuple[str, tuple[object, ...]]] = []

    def note(_c: object, _u: object, statement: str, parameters: tuple[object, ...], *_: object) -> None:
        if "generations" in statement and not statement.startswith("INSERT"):
            statements.append((statement, parameters))

    engine = await database.write(lambda connection: connection.engine)
    sa.event.listen(engine, "before_cursor_execute", note)
    await claim(store)
    await enqueue()
    await store.join("w", "k", 2, 15.0)
    await store.heartbeat("w", 15.0)
    await store.finish("w", queued.id, 1, "x.png", ())
    await store.bury("w")
    await store.reap()
    await store.cancel("a", queued.id)
    sa.event.remove(engine, "before_cursor_execute", note)
    assert len(statements) > 10
    explained = [(f"EXPLAIN QUERY PLAN {statement}", parameters) for statement, parameters in statements]
    plans = await database.read(lambda connection: [connection.exec_driver_sql(*query).all() for query in explained])
    for (statement, _), plan in zip(statements, plans, strict=True):
        steps = [row.detail for row in plan if "generations" in row.detail]
        assert steps
        assert all("INDEX" in step or "PRIMARY KEY" in step for step in steps), (statement, steps)


async def test_results_are_counted_without_reading_them(store: Store, explain: Explain) -> None:
    [count, *_] = await explain(store.list_results("a", offset=0, limit=10))
    assert count == "SEARCH generations USING COVERING INDEX generations_history (namespace=? AND state=?)"


async def test_a_plan_is_stored_as_it_was_made(database: Database, store: Store, enqueue: Enqueue) -> None:
    [queued] = await enqueue()
    stored = await database.read(lambda connection: connection.execute(sa.select(generations.c.plan)).scalar_one())
    assert Plan.model_validate(stored) == queued.plan


async def test_what_has_not_ended_by_its_deadline_is_cancelled(
    store: Store, enqueue: Enqueue, clock: Clock, log: EventLog
) -> None:
    [kept] = await enqueue()
    [running] = await enqueue(cancel_after_seconds=5.0)
    [waiting] = await enqueue(cancel_after_seconds=7.5)
    await store.claim("w", ["tiny"], 2, 60.0)
    clock.step(86_400)
    assert await store.cancel_late() == 5
    clock.time += 5
    clock.step(-2 * 86_400)
    assert await store.cancel_late() == 2.5
    late = await store.get("a", running.id)
    assert (late.state, late.error_message) == ("cancelled", "The image was not ready within cancel_after_seconds.")
    assert await store.held("w") == {kept.id}
    clock.time += 2.5
    assert await store.cancel_late() is None
    assert (await store.get("a", waiting.id)).state == "cancelled"
    ended = [(event.kind, event.generation_id) for event in (await log.after("a", 0)).events if event.kind in ENDED]
    assert ended == [("cancelled", running.id), ("cancelled", waiting.id)]


async def test_a_clock_that_is_set_hardly_moves_the_outlook(store: Store, enqueue: Enqueue, clock: Clock) -> None:
    for step in (0, 86_400, -3 * 86_400, 0, 0):
        await enqueue()
        [taken] = await claim(store, max_batch=1)
        clock.time += 9
        clock.step(step)
        await store.finish("w", taken.id, taken.attempt, "x.png", ())
    [queued] = await enqueue()
    assert (await store.outlook(queued, 1)).eta_seconds == 9


async def test_a_deadline_after_the_end_changes_nothing(store: Store, enqueue: Enqueue, clock: Clock) -> None:
    [made] = await enqueue(cancel_after_seconds=5.0)
    [taken] = await store.claim("w", ["tiny"], 1, 60.0)
    await store.finish("w", taken.id, taken.attempt, "x.png", ())
    clock.time += 6
    assert await store.cancel_late() is None
    assert (await store.get("a", made.id)).state == "succeeded"


async def test_the_time_of_the_latest_pictures_tells_when_one_may_be_ready(
    store: Store, enqueue: Enqueue, clock: Clock
) -> None:
    [first] = await enqueue(cost=2.0)
    assert (await store.outlook(first, 1)).eta_seconds is None
    for cost in (2.0, 4.0):
        [taken] = await claim(store, max_batch=1)
        clock.time += 3 * cost  # 9 seconds on the average
        await store.finish("w", taken.id, taken.attempt, "x.png", ())
        await enqueue(cost=4.0)
    await enqueue(cost=1.0, card="another")
    await claim(store, max_batch=1)  # one runs, and nothing of this card waits
    [last], [other] = await enqueue(cost=2.0), await enqueue(cost=9.0, card="another")
    assert await store.outlook(last, 1) == (0, 9 * 2)
    assert await store.outlook(last, 2) == (0, 9 * 2 / 2)
    assert (await store.outlook(last, 0)).eta_seconds is None
    assert await store.outlook(other, 1) == (1, None)
