"""How the queue stands and what has ended, counted over all namespaces from the tables. It moves nothing.

Workers are other processes, and whichever makes a picture, the database knows; so it is asked, and no worker is.
"""

import asyncio
from typing import Any, NamedTuple

import sqlalchemy as sa

from limner.queue.states import ENDING, LIVE, in_state
from limner.records.engine import Database
from limner.records.schema import counters, events, generations
from limner.wire import State

c = generations.c


class Standing(NamedTuple):
    """The generations of one card in one live state, and when the first of them was queued."""

    card: str
    state: str
    size: int
    oldest_at: float


class Ended(NamedTuple):
    """One generation that has ended. `steps` are those of its plan; `started_at` is of its last attempt."""

    card: str
    state: str
    error_code: str | None
    steps: int
    enqueued_at: float
    started_at: float | None
    completed_at: float


class Census:
    """The counts of one database. It remembers up to where it has read each namespace's log, from its first look on."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looking = asyncio.Lock()
        self._seen: dict[str, int] | None = None

    async def standing(self) -> list[Standing]:
        """One entry per card and live state that has generations; it reads partial indexes alone."""
        sizes = sa.union_all(*(_size(state) for state in LIVE)).subquery()
        found = sa.select(sizes.c.card, sizes.c.state, sizes.c.size, c.enqueued_at)
        found = found.join_from(sizes, generations, c.number == sizes.c.first)
        return await self._database.read(lambda connection: [Standing(*row) for row in connection.execute(found)])

    async def ended(self) -> list[Ended]:
        """What has ended since the last call, each once; the first call only marks where the log stands."""
        columns = (c.card, events.c.kind, c.error_code, c.plan["steps"].as_integer())
        times = (c.enqueued_at, c.started_at, c.completed_at)
        news = sa.select(*columns, *times).join_from(events, generations, c.id == events.c.generation_id)
        news = news.where(events.c.kind.in_(ENDING)).order_by(events.c.id)

        def look(connection: sa.Connection) -> tuple[list[Ended], dict[str, int]]:
            found: list[Ended] = []
            logs = connection.execute(sa.select(counters.c.namespace, counters.c.last_event))
            newest = {row.namespace: row.last_event for row in logs}
            seen = newest if self._seen is None else self._seen
            for namespace, last in newest.items():
                after = seen.get(namespace, 0)
                if last > after:
                    rows = connection.execute(news.where(events.c.namespace == namespace, events.c.id > after))
                    found += [Ended(*row) for row in rows]
            return found, newest

        async with self._looking:
            found, self._seen = await self._database.read(look)
        return found


def _size(state: State) -> sa.Select[Any]:
    columns = (sa.literal(state).label("state"), sa.func.count().label("size"), sa.func.min(c.number).label("first"))
    return sa.select(c.card, *columns).where(in_state(state)).group_by(c.card)
