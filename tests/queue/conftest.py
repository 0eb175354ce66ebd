"""What the tests of the queue need besides a database: a clock that can be stepped, and requests of any shape."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from limner.queue.events import EventLog
from limner.queue.hints import Hints
from limner.queue.store import Store
from limner.records.engine import Database
from limner.wire import Generation, ImageRequest, Plan

Enqueue = Callable[..., Awaitable[list[Generation]]]


class Clock:
    """The wall clock as the queue sees it."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def __call__(self) -> float:
        """Unix seconds."""
        return self.time


def make_plan(image_index: int = 0, *, key: str = "k", cost: float = 1.0, card: str = "tiny") -> Plan:
    """A plan of which only the batch key, the cost and the card matter here."""
    return Plan(
        card=card,
        prompt="an ox",
        negative_prompt="",
        inputs=(),
        mask=None,
        width=64,
        height=64,
        steps=4,
        guidance=1.0,
        seed=7,
        image_index=image_index,
        quality="low",
        input_fidelity="low",
        background="opaque",
        output_format="png",
        output_compression=None,
        batch_key=key,
        cost=cost,
        warnings=("unknown word: zeppelin",),
    )


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until a test steps it."""
    return Clock()


@pytest.fixture
def store(database: Database, hints: Hints, clock: Clock) -> Store:
    """The queue on the clock of the test."""
    return Store(database, hints, now=clock)


@pytest.fixture
def log(database: Database, clock: Clock) -> EventLog:
    """The log of events on the clock of the test."""
    return EventLog(database, now=clock)


@pytest.fixture
def enqueue(store: Store) -> Enqueue:
    """Queue one request of n images."""

    async def enqueue(
        namespace: str = "a",
        n: int = 1,
        *,
        key: str = "k",
        cost: float = 1.0,
        card: str = "tiny",
        model: str = "gpt-image-1-5",
        **more: Any,
    ) -> list[Generation]:
        request = ImageRequest(
            namespace=namespace, model=model, prompt="an ox", submitted={"prompt": "an ox", "n": n}, **more
        )
        plans = [make_plan(i, key=key, cost=cost, card=card) for i in range(n)]
        return await store.submit(request, plans, 1_000_000)

    return enqueue
