"""What may go of the past: only what has ended, nothing fresh, by age or by size, and what it leaves behind."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import pytest

from limner.errors import EngineFailed
from limner.queue.events import EventLog
from limner.queue.history import History, Past, Rule, choose
from limner.queue.store import Store
from limner.records.engine import Database
from limner.wire import Generation, ImageRequest, State

Enqueue = Callable[..., Awaitable[list[Generation]]]
DAY = 86_400.0
NOW = 100 * DAY


class Clock(Protocol):
    time: float


def past(number: int, days: float | None, size: str = "", namespace: str = "a") -> Past:
    """A generation that ended `days` ago (None: live), with a result at the path `size`."""
    state: State = "queued" if days is None else "succeeded" if size else "failed"
    at = None if days is None else NOW - days * DAY
    return Past(number, str(number), namespace, state, at, size or None, "png", frozenset())


EVERY = [past(1, 9, "one"), past(2, None), past(3, 5), past(4, 4, "two", "b"), past(5, 0.5, "three"), past(6, 0, "new")]
SIZES = {"one": 100, "two": 100, "three": 100, "new": 100}


@pytest.mark.parametrize(
    ("rule", "numbers"),
    [
        (Rule(), []),
        (Rule(older_than_seconds=4.5 * DAY), [1, 3]),
        (Rule(older_than_seconds=0.0), [1, 3, 4, 5]),
        (Rule(older_than_seconds=0.0, namespace="b"), [4]),
        (Rule(down_to_bytes=400), []),
        (Rule(down_to_bytes=399), [1]),
        (Rule(down_to_bytes=200), [1, 4]),
        (Rule(down_to_bytes=0), [1, 4, 5]),
        (Rule(down_to_bytes=200, namespace="a"), [1]),
        (Rule(older_than_seconds=6 * DAY, down_to_bytes=300), [1]),
        (Rule(older_than_seconds=4.5 * DAY, down_to_bytes=250), [1, 3, 4]),
    ],
)
def test_a_rule_chooses_by_age_and_then_the_oldest_results(rule: Rule, numbers: list[int]) -> None:
    assert sorted(one.number for one in choose(EVERY, SIZES, rule, NOW)) == numbers


async def test_only_what_has_ended_is_removed_and_its_events_stay(
    database: Database, store: Store, enqueue: Enqueue, log: EventLog
) -> None:
    made, failed, running = await enqueue(n=3)
    [unwanted] = await enqueue()
    await store.claim("w", ["tiny"], 3, 15.0)
    await store.finish("w", made.id, 1, "a/made.png", [])
    await store.fail("w", failed.id, 1, EngineFailed("no"))
    await store.cancel("a", unwanted.id)
    [waiting] = await enqueue()
    history = History(database)
    before = await history.read()
    assert [(one.id, one.state) for one in before] == [
        (made.id, "succeeded"),
        (failed.id, "failed"),
        (running.id, "processing"),
        (unwanted.id, "cancelled"),
        (waiting.id, "queued"),
    ]
    assert [one.result_path for one in before] == ["a/made.png", None, None, None, None]
    events = await log.after("a", 0)
    assert await history.remove([one.number for one in before]) == 3
    assert [one.id for one in await history.read()] == [running.id, waiting.id]
    assert await log.after("a", 0) == events
    await store.finish("w", running.id, 1, "a/late.png", [])
    [again] = await store.claim("w", ["tiny"], 1, 15.0)
    assert again.id == waiting.id


async def test_inputs_and_masks_are_named_by_their_digests(database: Database, store: Store, enqueue: Enqueue) -> None:
    [one] = await enqueue()
    request_plan = one.plan.model_copy(update={"inputs": ("d1", "d2"), "mask": "d3", "output_format": "webp"})
    await store.submit(ImageRequest(namespace="a", model="tiny", prompt="an ox"), [request_plan], 10)
    plain, edit = await History(database).read()
    assert (plain.inputs, plain.output_format) == (frozenset(), "png")
    assert (edit.inputs, edit.output_format) == (frozenset({"d1", "d2", "d3"}), "webp")
