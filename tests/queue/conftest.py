"""What the tests of the queue need besides a database: clocks that stand still, and requests of any shape."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa

from limner.queue.clock import Clock
from limner.queue.events import EventLog
from limner.queue.hints import Hints
from limner.queue.store import Store
from limner.records.engine import Database
from limner.wire import Generation, ImageRequest, Plan

Enqueue = Callable[..., Awaitable[list[Generation]]]
Explain = Callable[[Awaitable[object]], Awaitable[list[str]]]


class StoppedClock(Clock):
    """Both clocks of the queue, standing still: `time` is the wall clock, and to add to it lets time pass."""

    def __init__(self) -> None:
        self._up, self._ahead = 1000.0, 1_800_000_000.0
        super().__init__(lambda: self._up + self._ahead, lambda: self._up)

    @property
    def time(self) -> float:
        """Unix seconds."""
        return self.wall()

    @time.setter
    def time(self, moment: float) -> None:
        self._up = moment - self._ahead

    def step(self, seconds: float) -> None:
        """Somebody sets the wall clock."""
        self._ahead += seconds

    def reboot(self) -> None:
        """The machine was down for a minute."""
        self._ahead += self._up + 60
        self._up = 0.0


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
def clock() -> StoppedClock:
    """A clock that stands still until a test moves it."""
    return StoppedClock()


@pytest.fixture
def store(database: Database, hints: Hints, clock: Clock) -> Store:
    """The queue on the clock of the test."""
    return Store(database, hints, clock)


@pytest.fixture
def log(database: Database, clock: Clock) -> EventLog:
    """The log of events on the clock of the test."""
    return EventLog(database, clock)


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


@pytest.fixture
def explain(database: Database) -> Explain:
    """Make a call; how SQLite reads the generations in each of its queries, step by step."""

    async def explain(call: Awaitable[object]) -> list[str]:
        queries: list[tuple[str, tuple[object, ...]]] = []

        def note(_c: object, _u: object, statement: str, parameters: tuple[object, ...], *_: object) -> None:
            if statement.startswith("SELECT"):
                queries.append((statement, parameters))

        sa.event.listen(sa.Engine, "before_cursor_execute", note)
        await call
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
        explained = [(f"EXPLAIN QUERY PLAN {query}", parameters) for query, parameters in queries]
        plans = await database.read(lambda connection: [connection.exec_driver_sql(*each).all() for each in explained])
        return [row.detail for plan in plans for row in plan if "generations" in row.detail]

    return explain
