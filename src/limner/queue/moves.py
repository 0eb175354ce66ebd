"""The statements that the moves of a generation have in common; each runs inside somebody's transaction (store.py)."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from limner.errors import NotFound
from limner.queue import fair
from limner.queue.events import append, entry
from limner.queue.states import in_state
from limner.records.schema import generations

Row = sa.Row[*tuple[Any, ...]]
c = generations.c

QUEUED_AGAIN = {"state": "queued", "worker": None, "leased_at": None, "lease_until": None, "started_at": None}
"""It keeps its turn, so it comes before all that arrived later."""


def held(worker: str) -> sa.Select[Any]:
    """All that this worker holds."""
    return sa.select(generations).where(c.worker == worker, in_state("processing"))


def held_move(worker: str, *conditions: sa.ColumnElement[bool]) -> sa.Update:
    """A move of what this worker still holds, and of nothing else."""
    return sa.update(generations).where(c.worker == worker, in_state("processing"), *conditions)


def cancel(
    connection: sa.Connection, which: sa.ColumnElement[bool], now: float, why: str | None = None
) -> Sequence[Row]:
    """Cancel those of `which` that have not ended."""
    live = sa.or_(in_state("queued"), in_state("processing"))
    move = sa.update(generations).where(which, live).values(state="cancelled", completed_at=now, error_message=why)
    rows: Sequence[Row] = connection.execute(move.returning(generations)).all()
    waited = [row for row in rows if row.started_at is None]
    for namespace in sorted({row.namespace for row in waited}):
        fair.refund(connection, namespace, sum(row.cost for row in waited if row.namespace == namespace))
    append(connection, [entry(row, "cancelled") for row in rows], now)
    return rows


def head(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> Row | None:
    """The queued generation whose turn it is, of those that meet the conditions; locked where rows can be."""
    first = sa.select(c.number, c.turn, c.card, c.batch_key, c.alone).where(in_state("queued"), *conditions)
    first = first.order_by(c.turn, c.number).limit(1).with_for_update(skip_locked=True)
    rows: list[Row] = list(connection.execute(first).all())
    return rows[0] if rows else None


def mates(connection: sa.Connection, head: Row, max_batch: int) -> list[int]:
    """Numbers of the head and of those that may share its batch."""
    same = sa.and_(c.card == head.card, c.batch_key == head.batch_key, c.alone.is_(False))
    numbers = sa.select(c.number).where(in_state("queued"), same).order_by(c.turn, c.number).limit(max_batch)
    return list(connection.execute(numbers.with_for_update(skip_locked=True)).scalars())


def find_one(connection: sa.Connection, namespace: str, id: str) -> Row:
    """The row of this id; NotFound if this namespace has none."""
    one = sa.select(generations).where(c.namespace == namespace, c.id == id)
    row = connection.execute(one).one_or_none()
    if row is None:
        raise NotFound(f"Generation not found: {id[:64]}")
    return row


def order(row: Row) -> tuple[float, int]:
    """By what rows are taken: lowest first."""
    return (row.turn, row.number)
