"""The log of events: written in the transaction of the move it tells, read by id. Hints only say when to look.

Ids come from one counter row per namespace, updated in the same transaction: they rise without holes and in the order
of commit, so a reader who has seen id k has seen all before it. The log has a horizon; a reader from before it, or
with an id from another database, is told of the gap.
"""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa

from limner.queue.clock import Clock
from limner.records.engine import Database
from limner.records.schema import counters, events
from limner.wire import Event, EventKind, Generation


class Entry(NamedTuple):
    """An event that has no id yet."""

    namespace: str
    generation_id: str
    kind: EventKind
    data: dict[str, Any]


class Page(NamedTuple):
    """What a reader gets: events in order of id, whether some before them are gone, and the id to ask after next."""

    events: list[Event]
    gap: bool
    last_id: int


def entry(row: sa.Row[*tuple[Any, ...]] | Generation, kind: EventKind, **more: Any) -> Entry:
    """The event of a move, with all that a reader's answer needs besides the generation's id."""
    data = {"request_id": row.request_id, "image_index": row.image_index, "model": row.model, **more}
    match kind:
        case "started":
            data["attempt"] = row.attempt
        case "succeeded":
            data |= {"result_path": row.result_path, "warnings": row.warnings}
        case "failed":
            data |= {"error_code": row.error_code, "error_message": row.error_message}
    return Entry(row.namespace, row.id, kind, data)


def append(connection: sa.Connection, entries: Sequence[Entry], created_at: float) -> None:
    """Write the events in the transaction of `connection`; the namespaces' counter rows must exist."""
    next_ids = {}
    # In one order everywhere, so that two writers never wait for each other's counter row.
    for namespace, count in sorted(Counter(new.namespace for new in entries).items()):
        more = sa.update(counters).where(counters.c.namespace == namespace)
        more = more.values(last_event=counters.c.last_event + count)
        last = connection.execute(more.returning(counters.c.last_event)).scalar_one()
        next_ids[namespace] = last - count + 1
    rows = []
    for new in entries:
        rows.append({"id": next_ids[new.namespace], "created_at": created_at, **new._asdict()})
        next_ids[new.namespace] += 1
    if rows:
        connection.execute(sa.insert(events), rows)


class EventLog:
    """Reads the log."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or Clock()

    async def after(self, namespace: str, event_id: int, limit: int = 500) -> Page:
        """Up to `limit` events with ids above `event_id`; 0 asks from the beginning."""
        counter = sa.select(counters.c.first_event, counters.c.last_event).where(counters.c.namespace == namespace)
        later = sa.select(events).where(events.c.namespace == namespace, events.c.id > event_id)

        def look(connection: sa.Connection) -> Page:
            found = connection.execute(counter).one_or_none()
            first, last = (found.first_event, found.last_event) if found else (1, 0)
            if event_id > last:
                return Page([], True, last)
            page = [_event(row) for row in connection.execute(later.order_by(events.c.id).limit(limit))]
            return Page(page, event_id + 1 < first, page[-1].id if page else max(event_id, first - 1))

        return await self._database.read(look)

    async def last_before(self, namespace: str, seconds: float) -> int:
        """The id after which the events of the last `seconds` come; earlier ones too, where the clock was set back."""
        young = sa.and_(events.c.namespace == namespace, events.c.created_at >= self._clock.past(seconds))
        first = sa.select(sa.func.min(events.c.id)).where(young).scalar_subquery()
        before = sa.select(sa.func.coalesce(first - 1, counters.c.last_event)).where(counters.c.namespace == namespace)
        return await self._database.read(lambda connection: int(connection.execute(before).scalar_one_or_none() or 0))

    async def last_id(self, namespace: str) -> int:
        """Id of the newest event, 0 if there was none."""
        newest = sa.select(counters.c.last_event).where(counters.c.namespace == namespace)
        return await self._database.read(lambda connection: int(connection.execute(newest).scalar_one_or_none() or 0))

    async def trim(self, seconds: float) -> int:
        """Drop the events older than `seconds` and move the horizon; returns how many went."""
        dropped = 0
        young = events.c.created_at >= self._clock.past(seconds)
        namespaces = await self._database.read(
            lambda connection: connection.execute(sa.select(counters.c.namespace)).scalars().all()
        )
        for namespace in namespaces:
            of_namespace = events.c.namespace == namespace
            # A prefix by id, not all that look old: after a step of the wall clock the log must still have no holes.
            first = sa.select(sa.func.min(events.c.id)).where(of_namespace, young).scalar_subquery()
            horizon = sa.func.coalesce(first, counters.c.last_event + 1)
            dropped += await self._database.write(partial(_trim, namespace, horizon))
        return dropped


def _trim(namespace: str, horizon: sa.ColumnElement[int], connection: sa.Connection) -> int:
    move = sa.update(counters).where(counters.c.namespace == namespace).values(first_event=horizon)
    kept = connection.execute(move.returning(counters.c.first_event)).scalar_one()
    return connection.execute(sa.delete(events).where(events.c.namespace == namespace, events.c.id < kept)).rowcount


def _event(row: sa.Row[Any]) -> Event:
    return Event(**row._mapping)
