"""New generations on their way into the table. Requests that come while the writer is busy share its next transaction.

So 200 requests at once cost a few fsyncs, and each is still all or none, refused or queued by itself.
"""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from limner.errors import TooBusy
from limner.queue import fair
from limner.queue.events import append, entry
from limner.queue.states import in_state
from limner.records.engine import Database
from limner.records.schema import generations
from limner.wire import Generation, ImageRequest, Plan

RETRY_AFTER_SECONDS = 10

Outcome = list[Generation] | TooBusy


@dataclass
class _Together:
    """Requests to be written in one transaction, each with its plans and the `max_queued` it was given."""

    requests: list[tuple[ImageRequest, Sequence[Plan], int]] = field(default_factory=list)
    written: asyncio.Task[list[Outcome]] = field(init=False)


class Arrivals:
    """The way in. `now` is the wall clock in unix seconds."""

    def __init__(self, database: Database, now: Callable[[], float]) -> None:
        self._database = database
        self._now = now
        self._next: _Together | None = None

    async def add(self, request: ImageRequest, plans: Sequence[Plan], max_queued: int) -> list[Generation]:
        """One generation per plan, all or none; TooBusy if more than `max_queued` would wait."""
        if self._next is None:
            self._next = _Together()
            self._next.written = asyncio.create_task(self._write(self._next))
        together = self._next
        together.requests.append((request, plans, max_queued))
        place = len(together.requests) - 1
        # Shielded, since a caller who gives up must not undo what others of the same transaction are promised.
        outcome = (await asyncio.shield(together.written))[place]
        if isinstance(outcome, TooBusy):
            raise outcome
        return outcome

    async def _write(self, together: _Together) -> list[Outcome]:
        try:
            async with self._database.write() as connection:
                self._next = None  # closed: who comes from now on is written next time
                return await _insert(connection, together, self._now())
        finally:
            if self._next is together:
                self._next = None


async def _insert(connection: AsyncConnection, together: _Together, now: float) -> list[Outcome]:
    """Insert the rows and first events of all for whom there is room; the outcome of each."""
    waiting = sa.select(sa.func.count()).select_from(generations).where(in_state("queued"))
    queued = (await connection.execute(waiting)).scalar_one()
    outcomes: list[list[dict[str, Any]] | TooBusy] = []
    for request, plans, max_queued in together.requests:
        if queued + len(plans) > max_queued:
            outcomes.append(TooBusy("The queue is full.", retry_after_seconds=RETRY_AFTER_SECONDS))
            continue
        queued += len(plans)
        request_id = str(uuid.uuid4())
        outcomes.append([_new_row(request, plan, request_id, now) for plan in plans])
    rows = [row for outcome in outcomes if not isinstance(outcome, TooBusy) for row in outcome]
    by_namespace: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_namespace[row["namespace"]].append(row)
    for namespace, own in sorted(by_namespace.items()):
        turns = await fair.take_turns(connection, namespace, [row["cost"] for row in own])
        for row, turn in zip(own, turns, strict=True):
            row["turn"] = turn
    if rows:
        await connection.execute(sa.insert(generations), rows)
        await append(connection, [entry(_new_generation(row), "queued") for row in rows], now)
    return [
        outcome if isinstance(outcome, TooBusy) else [_new_generation(row) for row in outcome] for outcome in outcomes
    ]


def _new_generation(row: dict[str, Any]) -> Generation:
    return Generation(**{name: row.get(name) for name in Generation.model_fields})


def _new_row(request: ImageRequest, plan: Plan, request_id: str, now: float) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "request_id": request_id,
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
    }
