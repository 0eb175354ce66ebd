"""A key makes a request count once: in a row, at once, for a day, and in its namespace only."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import pytest
import sqlalchemy as sa

from limner.errors import Conflict
from limner.queue.idempotency import KEPT_SECONDS
from limner.queue.store import Store
from limner.records.engine import Database
from limner.records.schema import generations, idempotency
from limner.wire import Generation

Enqueue = Callable[..., Awaitable[list[Generation]]]
KEYED: dict[str, Any] = {"idempotency_key": "k-1", "fingerprint": "f"}


class Clock(Protocol):
    """The wall clock of the test."""

    time: float


def ids(made: list[Generation]) -> list[str]:
    """Their ids."""
    return [one.id for one in made]


async def test_the_same_request_is_queued_once(store: Store, enqueue: Enqueue) -> None:
    first = await enqueue("a", 3, **KEYED)
    assert ids(await enqueue("a", 3, **KEYED)) == ids(first)
    assert ids(await store.recall("a", "k-1", "f")) == ids(first)
    assert len(await store.find("a")) == 3


async def test_twins_in_one_transaction_are_queued_once(store: Store, enqueue: Enqueue) -> None:
    made = await asyncio.gather(*(enqueue("a", 2, **KEYED) for _ in range(20)))
    assert len({tuple(ids(one)) for one in made}) == 1
    assert len(await store.find("a")) == 2


async def test_another_request_under_the_key_is_told_so(store: Store, enqueue: Enqueue) -> None:
    await enqueue("a", 1, **KEYED)
    with pytest.raises(Conflict, match="used for another request"):
        await enqueue("a", 1, idempotency_key="k-1", fingerprint="g")
    with pytest.raises(Conflict, match="used for another request"):
        await store.recall("a", "k-1", "g")
    assert len(await store.find("a")) == 1


async def test_a_key_is_its_namespaces_own(store: Store, enqueue: Enqueue) -> None:
    await enqueue("a", 1, **KEYED)
    assert await store.recall("b", "k-1", "f") == []
    assert ids(await enqueue("b", 1, **KEYED)) == ids(await store.find("b"))


async def test_a_key_is_forgotten_after_a_day(store: Store, enqueue: Enqueue, clock: Clock, database: Database) -> None:
    first = await enqueue("a", 1, **KEYED)
    clock.time += KEPT_SECONDS - 1
    assert ids(await store.recall("a", "k-1", "f")) == ids(first)
    clock.time += 1
    assert await store.recall("a", "k-1", "f") == []
    await enqueue("a", 1, idempotency_key="another", fingerprint="f")
    kept = await database.read(lambda connection: connection.execute(sa.select(idempotency.c.key)).scalars().all())
    assert kept == ["another"]


async def test_a_key_whose_generations_are_gone_is_as_good_as_new(
    store: Store, enqueue: Enqueue, database: Database
) -> None:
    first = await enqueue("a", 1, **KEYED)
    await database.write(lambda connection: connection.execute(sa.delete(generations)))
    assert await store.recall("a", "k-1", "f") == []
    assert ids(await enqueue("a", 1, **KEYED)) != ids(first)
