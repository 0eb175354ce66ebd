"""What the queue remembers of the past: every row with the files it names, what may go, and its removal.

Only what has ended may go, and nothing that ended within the last hour: its link was promised to open that long. It
knows no file; sizes are handed in. The events of what is removed stay until the log is trimmed, since their ids must
have no holes.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from limner.queue.states import ENDED
from limner.records.engine import Database
from limner.records.schema import generations
from limner.wire import OutputFormat, State

FRESH_SECONDS = 3600.0
"""What is younger is never removed, whatever is asked: neither what has ended, nor a file that no row names yet."""

c = generations.c


class Past(NamedTuple):
    """One generation as far as its files go. Times are unix seconds."""

    number: int
    id: str
    namespace: str
    state: State
    completed_at: float | None
    result_path: str | None
    output_format: OutputFormat
    inputs: frozenset[str]
    """Digests of its input images and its mask."""


class Rule(NamedTuple):
    """What is to go: by age, by the size of all results, or nothing; of one namespace, or of all."""

    older_than_seconds: float | None = None
    down_to_bytes: int | None = None
    namespace: str | None = None


class History:
    """The rows of one database, live and ended."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self) -> list[Past]:
        """Every generation in order of arrival, as of one moment."""
        plan = [c.plan[name] for name in ("output_format", "inputs", "mask")]
        every = sa.select(c.number, c.id, c.namespace, c.state, c.completed_at, c.result_path, *plan).order_by(c.number)

        def look(connection: sa.Connection) -> list[Past]:
            return [
                Past(number, id, namespace, state, at, path, kind, frozenset([*inputs, mask] if mask else inputs))
                for number, id, namespace, state, at, path, kind, inputs, mask in connection.execute(every)
            ]

        return await self._database.read(look)

    async def remove(self, numbers: Sequence[int]) -> int:
        """Remove those of these that have ended, in one transaction; returns how many."""
        gone = sa.delete(generations).where(c.number.in_(numbers), c.state.in_(ENDED))
        return await self._database.write(lambda connection: connection.execute(gone).rowcount)


def choose(past: Sequence[Past], sizes: Mapping[str, int], rule: Rule, now: float) -> list[Past]:
    """What is to go under a rule: what ended too long ago, then results in order of arrival until the rest fits.

    `sizes` are the bytes of the results by path.
    """
    ended = [one for one in past if one.completed_at is not None and rule.namespace in (None, one.namespace)]
    horizon = now - max(FRESH_SECONDS, rule.older_than_seconds or 0)
    old = [one for one in ended if rule.older_than_seconds is not None and (one.completed_at or now) < horizon]
    if rule.down_to_bytes is None:
        return old
    going = {one.number: one for one in old}
    results = [(one, sizes.get(one.result_path or "", 0)) for one in ended if one.number not in going]
    excess = sum(size for _, size in results) - rule.down_to_bytes
    for one, size in results:
        if excess > 0 and size and (one.completed_at or now) < now - FRESH_SECONDS:
            going[one.number] = one
            excess -= size
    return list(going.values())
