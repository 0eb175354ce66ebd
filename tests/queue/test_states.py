"""Leases, stops and deaths: how a generation comes back to the queue, and when it does not."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import pytest

from limner.errors import LeaseLost
from limner.queue.events import EventLog
from limner.queue.states import MAX_DEATHS
from limner.queue.store import Store
from limner.wire import Generation

Enqueue = Callable[..., Awaitable[list[Generation]]]


class Clock(Protocol):
    time: float

    def step(self, seconds: float) -> None: ...

    def reboot(self) -> None: ...


async def claim(store: Store, worker: str = "w") -> list[str]:
    return [generation.id for generation in await store.claim(worker, ["tiny"], 4, 15.0)]


async def test_a_dead_lease_returns_its_work_uncounted(store: Store, enqueue: Enqueue, clock: Clock) -> None:
    queued = [generation.id for generation in await enqueue(n=2)]
    for attempt in range(1, 6):
        assert await claim(store) == queued
        clock.time += 14.9
        assert await store.reap() == 0
        clock.time += 0.2
        assert await store.reap() == 2
        back = await store.get("a", queued[0])
        assert (back.state, back.worker, back.started_at, back.attempt) == ("queued", None, None, attempt)
    assert await claim(store, "other") == queued


async def test_a_heartbeat_keeps_the_lease(store: Store, enqueue: Enqueue, clock: Clock) -> None:
    [queued] = await enqueue()
    await claim(store)
    for _ in range(5):
        clock.time += 10
        assert await store.heartbeat("w", 15.0) == {queued.id}
        assert await store.reap() == 0
    assert await store.heartbeat("other", 15.0) == set()


async def test_a_worker_whose_lease_was_taken_cannot_finish(store: Store, enqueue: Enqueue, clock: Clock) -> None:
    [queued] = await enqueue()
    await claim(store)
    clock.time += 16
    await store.reap()
    await claim(store, "other")
    assert await store.heartbeat("w", 15.0) == set()
    with pytest.raises(LeaseLost):
        await store.finish("w", queued.id, 1, "late.png", ())
    await store.finish("other", queued.id, 2, "good.png", ())
    assert (await store.get("a", queued.id)).result_path == "good.png"


async def test_the_same_worker_after_a_lost_lease_is_fenced_by_its_attempt(
    store: Store, enqueue: Enqueue, clock: Clock
) -> None:
    [queued] = await enqueue()
    await claim(store)
    clock.time += 16
    await store.reap()
    await claim(store)
    with pytest.raises(LeaseLost):
        await store.finish("w", queued.id, 1, "late.png", ())
    await store.finish("w", queued.id, 2, "good.png", ())


async def test_a_late_worker_whose_work_nobody_took_may_finish(store: Store, enqueue: Enqueue, clock: Clock) -> None:
    [queued] = await enqueue()
    await claim(store)
    clock.time += 100
    await store.finish("w", queued.id, 1, "good.png", ())
    assert await store.reap() == 0


@pytest.mark.parametrize("seconds", [-86_400.0, 86_400.0])
async def test_a_clock_that_is_set_neither_robs_the_living_nor_shelters_the_dead(
    store: Store, enqueue: Enqueue, clock: Clock, seconds: float
) -> None:
    living = (await enqueue(key="k1"))[0].id
    dead = (await enqueue(key="k2"))[0].id
    await claim(store, "living")
    await claim(store, "dead")
    clock.step(seconds)
    assert await store.reap() == 0
    clock.time += 10
    assert await store.heartbeat("living", 15.0) == {living}
    clock.step(-2 * seconds)
    clock.time += 6
    assert await store.reap() == 1
    assert (await store.get("a", dead)).state == "queued"
    assert await store.held("living") == {living}


async def test_a_lease_from_before_a_reboot_is_dead_once_its_time_is_past_or_still_to_come(
    store: Store, enqueue: Enqueue, clock: Clock
) -> None:
    clock.reboot()
    clock.time += 100
    for up, dead in ((20.0, 1), (99.0, 1), (101.0, 0), (115.1, 1)):
        [queued] = await enqueue()
        await claim(store)
        clock.reboot()
        clock.time += up
        assert await store.reap() == dead
        await store.cancel("a", queued.id)
        clock.reboot()
        clock.time += 100


async def test_a_stopping_worker_gives_back_all_it_holds(store: Store, enqueue: Enqueue, log: EventLog) -> None:
    queued = [generation.id for generation in await enqueue(n=3)]
    assert await claim(store) == queued
    assert await store.release("w") == 3
    assert await store.release("w") == 0
    events = (await log.after("a", 0)).events[-3:]
    assert {(event.kind, event.data["reason"]) for event in events} == {("requeued", "released")}
    for _ in range(MAX_DEATHS + 1):
        assert await claim(store) == queued, "a stop is not a death: they still share a batch"
        await store.release("w")


async def test_after_a_death_the_members_of_a_batch_run_alone(store: Store, enqueue: Enqueue) -> None:
    queued = [generation.id for generation in await enqueue(n=3)]
    later = [generation.id for generation in await enqueue(n=2)]
    assert await store.claim("w", ["tiny"], 3, 15.0)
    assert await store.bury("w") == 3
    for worker, id in zip(("w1", "w2", "w3"), queued, strict=True):
        assert await claim(store, worker) == [id]
    assert await claim(store, "w4") == later


async def test_one_that_runs_alone_shares_its_worker_with_nothing(store: Store, enqueue: Enqueue) -> None:
    [suspect] = await enqueue()
    await claim(store)
    await store.bury("w")
    [innocent] = await enqueue()
    assert await claim(store, "w2") == [suspect.id]
    assert await claim(store, "w2") == [], "nothing is claimed ahead of it"
    assert await store.join("w2", "k", 4, 15.0) == []
    await store.bury("w2")
    assert (await store.get("a", innocent.id)).attempt == 0
    [other] = await enqueue(card="large")
    assert [g.id for g in await store.claim("w3", ["large"], 4, 15.0)] == [other.id]
    assert await claim(store, "w3") == [], "it waits until the worker is free"
    await store.finish("w3", other.id, 1, "x.png", ())
    assert await claim(store, "w3") == [suspect.id]


async def test_the_third_death_fails_a_generation(store: Store, enqueue: Enqueue, log: EventLog) -> None:
    poison, innocent = await enqueue(n=2)
    await claim(store, "w1")
    await store.bury("w1")
    assert await claim(store, "w2") == [poison.id]
    await store.bury("w2")
    assert await claim(store, "w3") == [poison.id]
    assert await store.bury("w3") == 1
    failed = await store.get("a", poison.id)
    assert (failed.state, failed.error_code) == ("failed", "engine_failed")
    assert failed.error_message == "The worker died 3 times while making this image; it is not tried again."
    assert failed.completed_at is not None
    assert await claim(store, "w4") == [innocent.id]
    last = [event for event in (await log.after("a", 0)).events if event.generation_id == poison.id][-1]
    assert (last.kind, last.data["error_message"]) == ("failed", failed.error_message)


async def test_a_death_takes_nothing_from_other_workers(store: Store, enqueue: Enqueue) -> None:
    [first] = await enqueue(key="k1")
    await claim(store, "w1")
    assert await store.bury("w2") == 0
    assert await store.held("w1") == {first.id}


async def test_what_came_back_keeps_its_turn(store: Store, enqueue: Enqueue) -> None:
    queued = [(await enqueue(key=f"k{i}"))[0].id for i in range(3)]
    await claim(store)
    await store.release("w")
    assert await claim(store) == [queued[0]]
