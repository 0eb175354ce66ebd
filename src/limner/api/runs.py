"""The runs that callers of OpenAI's dialect wait for, so that a retry finds the one that its first try began.

Their clients know no Idempotency-Key: one that lost its connection asks again, and without this the picture would be
made twice. It holds no work: a run is some generations of the queue. It is what this server remembers, not the table.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import ClientDisconnect

from limner.api.waiting import cancel_all
from limner.errors import Stopping
from limner.queue.store import Store
from limner.wire import Generation

GRACE_SECONDS = 2.0
"""How long a run goes on without a caller. OpenAI's clients try again after half a second, then after one."""


@dataclass(eq=False)
class Run:
    """Generations of one request, in order; `after` is an event id from before they were queued."""

    place: str
    """Where a retry looks for it: the caller's address, and a digest of what was asked."""
    generations: Sequence[Generation]
    after: int
    keyed: bool
    """Whether they were sent under an Idempotency-Key: then they are made, whoever waits."""
    callers: int = 1


class Runs:
    """Every run somebody waits for, or was waiting for a moment ago. `stopping` ends all patience."""

    def __init__(self, store: Store, stopping: asyncio.Event) -> None:
        self._store = store
        self._stopping = stopping
        self._known: defaultdict[str, list[Run]] = defaultdict(list)
        self._partings: set[asyncio.Task[None]] = set()

    def join(self, place: str) -> Run | None:
        """The run of such a request with the fewest callers, who are now one more; None if there is none."""
        run = min(self._known.get(place, ()), key=lambda run: run.callers, default=None)
        if run is not None:
            run.callers += 1
        return run

    def begin(self, run: Run) -> None:
        """Remember a run that one caller waits for."""
        self._known[run.place].append(run)

    def part(self, run: Run, end: BaseException | None, *, may_return: bool) -> None:
        """One caller waits no more: answered (no `end`), told of a failure, or gone (then they `may_return`).

        What nobody else waits for is cancelled, unless it is done, keyed, or left to the next start of the server.
        """
        run.callers -= 1
        gone = isinstance(end, ClientDisconnect)
        if not gone:
            self._forget(run)
        if run.callers or run.keyed or end is None or isinstance(end, Stopping | asyncio.CancelledError):
            return
        parting = asyncio.create_task(self._cancel(run, GRACE_SECONDS if gone and may_return else 0.0))
        self._partings.add(parting)
        parting.add_done_callback(self._partings.discard)

    async def close(self) -> None:
        """Wait until every run that was left is cancelled."""
        await asyncio.gather(*self._partings)

    async def _cancel(self, run: Run, grace_seconds: float) -> None:
        if grace_seconds:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), grace_seconds)
        if run.callers == 0:
            self._forget(run)
            await cancel_all(self._store, run.generations)

    def _forget(self, run: Run) -> None:
        known = self._known.get(run.place, [])
        if run in known:
            known.remove(run)
        if not known:
            self._known.pop(run.place, None)
