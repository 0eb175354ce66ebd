"""New generations on their way into the table. Requests that come while the writer is busy share its next transaction.

So 200 requests at once cost a few fsyncs, and each is still all or none, refused or queued by itself.
"""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from limner.errors import CallerError, TooBusy
from limner.queue import fair, idempotency
from limner.queue.clock import Clock
from limner.queue.events import append, entry
from limner.queue.states import in_state
from limner.records.engine import Database
from limner.records.schema import generations
from limner.wire import Generation, ImageRequest, Plan

RETRY_AFTER_SECONDS = 10

Outcome = list[Generation] | CallerError


@dataclass
class _Together:
    """Requests to be written in one transaction, each with its plans and the `max_queued` it was given."""

    requests: list[tuple[ImageRequest, Sequence[Plan], int]] = field(default_factory=list)
    written: asyncio.Task[list[Outcome]] = field(init=False)


class Arrivals:
    """The way in."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._next: _Together | None = None

    async def add(self, request: ImageRequest, plans: Sequence[Plan], max_queued: int) -> list[Generation]:
        """One generation per plan, all or none; TooBusy if more than `max_queued` would wait.

        A request whose key is known gets the generations that it was given before, or the Conflict of `recall`.
        """
        if self._next is None:
            self._next = _Together()
            self._next.written = asyncio.create_task(self._write(self._next))
        together = self._next
        together.requests.append((request, plans, max_queued))
        place = len(together.requests) - 1
        # Shielded, since a caller who gives up must not undo what others of the same transaction are promised.
        outcome = (await asyncio.shield(together.written))[place]
        if isinstance(outcome, CallerError):
            raise outcome
        return outcome

    async def _write(self, together: _Together) -> list[Outcome]:
        try:
            async with self._database.turn() as write:
                self._next = None  # closed: who comes from now on is written next time
                now, steady = self._clock.wall(), self._clock.steady()
                return await write(lambda connection: _insert(connection, together, now, steady))
        finally:
            if self._next is together:
                self._next = None


def _insert(connection: sa.Connection, together: _Together, now: float, steady: float) -> list[Outcome]:
    """Insert the rows and first events of all for whom there is room; the outcome of each.

    Deadlines are counted from `steady`.
    """
    waiting = sa.select(sa.func.count()).select_from(generations).where(in_state("queued"))
    queued = connection.execute(waiting).scalar_one()
    outcomes: list[Outcome] = []
    new: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for request, plans, max_queued in together.requests:
        if request.idempotency_key is not None:
            # Its twin may be in this very transaction, so what came before must be in the table.
            _flush(connection, new, now)
            try:
                earlier = idempotency.recall(
                    connection, request.namespace, request.idempotency_key, request.fingerprint, now
                )
            except CallerError as conflict:
                outcomes.append(conflict)
                continue
            if earlier:
                outcomes.append([_generation(dict(row._mapping)) for row in earlier])
                continue
        if queued + len(plans) > max_queued:
            outcomes.append(TooBusy("The queue is full.", retry_after_seconds=RETRY_AFTER_SECONDS))
            continue
        queued += len(plans)
        request_id = str(uuid.uuid4())
        after = request.cancel_after_seconds
        cancel_at = None if after is None else steady + after
        rows = [_new_row(request, plan, request_id, now) | {"cancel_at": cancel_at} for plan in plans]
        if request.idempotency_key is not None:
            idempotency.keep(connection, request, [row["id"] for row in rows], now)
        new[request.namespace, request.priority] += rows
        outcomes.append([_generation(row) for row in rows])
    _flush(connection, new, now)
    return outcomes


def _flush(connection: sa.Connection, new: dict[tuple[str, int], list[dict[str, Any]]], now: float) -> None:
    """Give the new rows their turns and write them and their first events."""
    for (namespace, priority), rows in sorted(new.items()):
        turns = fair.take_turns(connection, namespace, [row["cost"] for row in rows], priority)
        for row, turn in zip(rows, turns, strict=True):
            row["turn"] = turn
        connection.execute(sa.insert(generations), rows)
        append(connection, [entry(_generation(row), "queued") for row in rows], now)
    new.clear()


def _generation(row: Mapping[str, Any]) -> Generation:
    return Generation(**{name: row.get(name) for name in Generation.model_fields})


def _new_row(request: ImageRequest, plan: Plan, request_id: str, now: float) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "request_id": request_id,
        "favourite": False,
        "image_index": plan.image_index,
        "namespace": request.namespace,
        "model": request.model,
        "card": plan.card,
        "batch_key": plan.batch_key,
        "state": "queued",
        "cost": plan.cost,
        "plan": plan.model_dump(mode="json"),
        "submitted": request.submitted,
        "attempt": 0,
        "deaths": 0,
        "alone": False,
        "warnings": list(plan.warnings),
        "enqueued_at": now,
        "priority": request.priority,
    }
