"""The queue itself: every move of a generation is one method here, one transaction, one event (see states.py).

SQL is the only truth: several processes may use one database, and any of them may die between two statements. It plans
nothing and runs nothing. Leases are counted in uptime and deadlines in steady time (see clock.py), so that nothing is
decided by a clock that may be set; the times it writes besides are unix seconds of the wall clock, to be shown.
"""

import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from limner.errors import Conflict, LeaseLost, LimnerError
from limner.queue import fair, idempotency, moves
from limner.queue.arrivals import Arrivals
from limner.queue.clock import Clock
from limner.queue.events import append, entry
from limner.queue.hints import Hints
from limner.queue.moves import Row
from limner.queue.states import LIVE, MAX_DEATHS, Requeue, in_state
from limner.records.engine import Database
from limner.records.schema import generations
from limner.wire import Generation, ImageRequest, Plan, State

DIED_MESSAGE = f"The worker died {MAX_DEATHS} times while making this image; it is not tried again."
LATE_MESSAGE = "The image was not ready within cancel_after_seconds."

LATELY = 100
"""Newest generations whose pictures tell how long one takes."""

c = generations.c


class Outlook(NamedTuple):
    """How many queued generations of the same card come before one, and when it may be ready (None: cannot be told)."""

    position: int
    eta_seconds: float | None


class Store:
    """The queue of one database."""

    def __init__(self, database: Database, hints: Hints, clock: Clock | None = None) -> None:
        self._database = database
        self._hints = hints
        self._clock = clock or Clock()
        self._now = self._clock.wall
        self._arrivals = Arrivals(database, self._clock)

    async def submit(self, request: ImageRequest, plans: Sequence[Plan], max_queued: int) -> list[Generation]:
        """Queue one generation per plan, all or none; TooBusy if more than `max_queued` would wait."""
        queued = await self._arrivals.add(request, plans, max_queued)
        self._hints.wake()
        self._hints.event(request.namespace)
        return queued

    async def recall(self, namespace: str, key: str, fingerprint: str) -> list[Generation]:
        """What was queued under this Idempotency-Key, none if it is new; Conflict if it came with something else."""
        now = self._now()
        rows = await self._database.read(
            lambda connection: idempotency.recall(connection, namespace, key, fingerprint, now)
        )
        return [_generation(row) for row in rows]

    async def get(self, namespace: str, id: str) -> Generation:
        """The generation; NotFound if this namespace has none of that id."""
        return _generation(await self._database.read(lambda connection: moves.find_one(connection, namespace, id)))

    async def find(
        self,
        namespace: str,
        *,
        states: Sequence[State] = LIVE,
        model: str | None = None,
        limit: int = 100,
        before: str | None = None,
        search: str = "",
        favourite: bool = False,
    ) -> list[Generation]:
        """Up to `limit` generations in these states, newest first; `before` is the id of the last one already seen.

        Every word of `search` occurs in the prompt. What its owner has deleted is left out.
        """
        conditions = [c.namespace == namespace, c.deleted_at.is_(None)]
        conditions += [c.plan["prompt"].as_string().icontains(word, autoescape=True) for word in search.split()]
        if favourite:
            conditions.append(c.favourite)
        if model is not None:
            conditions.append(c.model == model)
        if before is not None:
            conditions.append(c.number < sa.select(c.number).where(c.id == before).scalar_subquery())
        # One ordered walk of the history index per state, since a walk over several states would sort them all.
        newest = [
            sa.select(
                sa.select(c.number)
                .where(*conditions, c.state == state)
                .order_by(c.number.desc())
                .limit(limit)
                .subquery()
            )
            for state in dict.fromkeys(states)
        ]
        if not newest:
            return []
        found = sa.select(generations).where(c.number.in_(sa.union_all(*newest)))
        rows = await self._database.read(
            lambda connection: connection.execute(found.order_by(c.number.desc()).limit(limit)).all()
        )
        return [_generation(row) for row in rows]

    async def list_results(self, namespace: str, *, offset: int, limit: int) -> tuple[list[Generation], int]:
        """A page of what succeeded, newest first, and how many there are in all."""
        made = sa.select(c.number).where(c.namespace == namespace, c.state == "succeeded", c.deleted_at.is_(None))
        page = made.order_by(c.number.desc()).offset(offset).limit(limit)
        shown = sa.select(generations).where(c.number.in_(page)).order_by(c.number.desc())

        def look(connection: sa.Connection) -> tuple[int, Sequence[Row]]:
            total = connection.execute(sa.select(sa.func.count()).select_from(made.subquery())).scalar_one()
            return total, connection.execute(shown).all()

        total, rows = await self._database.read(look)
        return [_generation(row) for row in rows], total

    async def mark(self, namespace: str, id: str, *, favourite: bool) -> Generation:
        """Make it a favourite, or one no more. NotFound if this namespace has none of that id."""
        move = sa.update(generations).where(c.namespace == namespace, c.id == id).values(favourite=favourite)

        def change(connection: sa.Connection) -> Row:
            connection.execute(move)
            return moves.find_one(connection, namespace, id)

        return _generation(await self._database.write(change))

    async def discard(self, namespace: str, id: str) -> str | None:
        """Take what has ended out of all lists; the path of its picture, which no row names now. Else Conflict."""
        gone = sa.update(generations).where(c.id == id).values(deleted_at=self._now(), result_path=None)

        def change(connection: sa.Connection) -> str | None:
            row = moves.find_one(connection, namespace, id)
            if row.state in LIVE:
                raise Conflict("The generation has not ended; cancel it first.")
            connection.execute(gone)
            path: str | None = row.result_path
            return path

        return await self._database.write(change)

    async def outlook(self, generation: Generation, workers: int) -> Outlook:
        """How long a queued generation has to wait, if `workers` serve its card and pictures take as long as lately.

        Pictures are counted, not their costs: those stand in no index, and with 10^4 waiting every look would read all.
        """
        card = generation.plan.card
        own = sa.select(c.card, c.turn, c.number).where(c.id == generation.id, in_state("queued")).subquery()
        earlier = sa.tuple_(c.turn, c.number) < sa.tuple_(own.c.turn, own.c.number)
        ahead = sa.select(sa.func.count(c.number)).join_from(own, generations, c.card == own.c.card)
        ahead = ahead.where(in_state("queued"), earlier)
        running = sa.select(sa.func.count()).where(in_state("processing"), c.worker.is_not(None), c.card == card)
        newest = sa.select(sa.func.max(c.number)).scalar_subquery()
        lately = sa.select(c.completed_at - c.started_at)
        lately = lately.where(c.number > newest - LATELY, in_state("succeeded"), c.card == card)

        def look(connection: sa.Connection) -> tuple[int, int, Sequence[float]]:
            position, more = (connection.execute(count).scalar_one() for count in (ahead, running))
            return position, position + more, connection.execute(lately).scalars().all()

        position, before, seconds = await self._database.read(look)
        if not seconds or not workers:
            return Outlook(position, None)
        # The median: the few pictures during which the wall clock was set seem to have taken hours, or less than none.
        return Outlook(position, max(0.0, statistics.median(seconds)) * (before + 1) / workers)

    async def cancel(self, namespace: str, id: str) -> Generation:
        """Cancel a live generation; on one that has ended it has no effect. NotFound if there is none."""
        one = sa.and_(c.namespace == namespace, c.id == id)

        def change(connection: sa.Connection) -> tuple[Sequence[Row], Row]:
            rows = moves.cancel(connection, one, self._now())
            return rows, rows[0] if rows else moves.find_one(connection, namespace, id)

        rows, row = await self._database.write(change)
        self._tell_cancelled(rows)
        return _generation(row)

    async def cancel_late(self) -> float | None:
        """Cancel what has not ended by its deadline; returns the seconds until the next one, if there is one."""
        self._clock.look()
        now = self._clock.steady()
        # The condition of the partial index, literally.
        live = sa.and_(c.cancel_at.is_not(None), c.completed_at.is_(None))
        first = sa.select(sa.func.min(c.cancel_at)).where(live)

        def soonest_of(connection: sa.Connection) -> float | None:
            soonest: float | None = connection.execute(first).scalar_one()
            return soonest

        def change(connection: sa.Connection) -> tuple[Sequence[Row], float | None]:
            rows = moves.cancel(connection, sa.and_(live, c.cancel_at <= now), self._now(), LATE_MESSAGE)
            return rows, soonest_of(connection)

        soonest = await self._database.read(soonest_of)
        if soonest is not None and soonest <= now:
            rows, soonest = await self._database.write(change)
            self._tell_cancelled(rows)
        return None if soonest is None else max(0.0, soonest - now)

    async def claim(self, worker: str, cards: Sequence[str], max_batch: int, lease_seconds: float) -> list[Generation]:
        """Take the generation at the head of these cards' queue and up to `max_batch` - 1 more of its batch key.

        One that must run alone comes alone, and only to a worker that holds nothing else.
        """

        def change(connection: sa.Connection) -> list[Row]:
            held = connection.execute(moves.held(worker).with_only_columns(c.alone)).scalars().all()
            heads = [moves.head(connection, c.card == card) for card in cards]
            head = min((row for row in heads if row is not None), key=moves.order, default=None)
            if head is None or True in held or (head.alone and held):
                return []
            numbers = [head.number]
            if not head.alone and max_batch > 1:
                numbers = moves.mates(connection, head, max_batch)
            rows = self._take(connection, worker, numbers, lease_seconds)
            fair.advance(connection, head.turn)
            return rows

        # Most looks find nothing, and those must not stand in the way of who writes.
        waiting = sa.select(c.number).where(in_state("queued"), c.card.in_(cards)).limit(1)
        if not await self._database.read(lambda connection: connection.execute(waiting).all()):
            return []
        rows = await self._database.write(change)
        self._tell(rows)
        return [_generation(row) for row in rows]

    async def join(self, worker: str, batch_key: str, room: int, lease_seconds: float) -> list[Generation]:
        """Take up to `room` more of this batch key for a batch that is running.

        Only from the head of the queue of that card: once another batch key is next, nobody joins, so that a stream of
        equal requests never keeps others waiting.
        """
        same = sa.and_(c.batch_key == batch_key, c.alone.is_(False))

        def change(connection: sa.Connection) -> list[Row]:
            held = connection.execute(moves.held(worker).with_only_columns(c.alone, c.card, c.batch_key)).all()
            cards = {row.card for row in held if row.batch_key == batch_key}
            if room < 1 or len(cards) != 1 or any(row.alone for row in held):
                return []
            card = c.card == cards.pop()
            other = moves.head(connection, card, sa.not_(same))
            queue = sa.select(c.number, c.turn).where(in_state("queued"), card, same).order_by(c.turn, c.number)
            if other is not None:
                queue = queue.where(
                    sa.tuple_(c.turn, c.number) < sa.tuple_(sa.literal(other.turn), sa.literal(other.number))
                )
            mates = connection.execute(queue.limit(room).with_for_update(skip_locked=True)).all()
            if not mates:
                return []
            rows = self._take(connection, worker, [row.number for row in mates], lease_seconds)
            fair.advance(connection, mates[-1].turn)
            return rows

        rows = await self._database.write(change)
        self._tell(rows)
        return [_generation(row) for row in rows]

    async def heartbeat(self, worker: str, lease_seconds: float) -> set[str]:
        """Renew the leases of what this worker still holds; returns those ids."""
        renew = sa.update(generations).where(c.worker == worker, in_state("processing"))

        def change(connection: sa.Connection) -> set[str]:
            leased = renew.values(self._lease(lease_seconds))
            return set(connection.execute(leased.returning(c.id)).scalars())

        return await self._database.write(change)

    async def held(self, worker: str) -> set[str]:
        """Ids of what this worker still holds; renews nothing and writes nothing."""
        ids = moves.held(worker).with_only_columns(c.id)
        return await self._database.read(lambda connection: set(connection.execute(ids).scalars()))

    async def finish(self, worker: str, id: str, attempt: int, result_path: str, warnings: Sequence[str]) -> None:
        """The image is stored at `result_path` of the blob store; LeaseLost if the attempt is not the worker's now."""
        values = {"state": "succeeded", "result_path": result_path, "warnings": list(warnings)}
        await self._end(worker, id, attempt, values)

    async def fail(self, worker: str, id: str, attempt: int, error: LimnerError) -> None:
        """The generation cannot be made; LeaseLost if this attempt is no longer the worker's."""
        values = {"state": "failed", "error_code": error.code, "error_message": error.message}
        await self._end(worker, id, attempt, values)

    async def release(self, worker: str) -> int:
        """Give back all that a stopping worker holds, as if it had not been taken; returns how many."""
        return await self._requeue(c.worker == worker, "released")

    async def reap(self) -> int:
        """Take back what dead leases hold; returns how many.

        A lease is dead when its time is over, or when it was renewed in what is still the future: then it is of an
        earlier boot, for within one the uptime never goes back.
        """
        # Read when the writer's turn has come, so that no lease in the table is of a later moment.
        now: sa.BindParameter[float] = sa.bindparam("now", type_=sa.Double(), callable_=self._clock.uptime)
        return await self._requeue(sa.or_(c.lease_until < now, c.leased_at > now), "expired")

    async def bury(self, worker: str) -> int:
        """Count a death for all that a dead worker held: each runs alone from now on, the third death fails it.

        Only for a worker that died while its supervisor lived; returns how many it held.
        """
        now = self._now()
        last = moves.held_move(worker, c.deaths + 1 >= MAX_DEATHS).values(
            state="failed",
            deaths=c.deaths + 1,
            completed_at=now,
            error_code="engine_failed",
            error_message=DIED_MESSAGE,
        )
        again = moves.held_move(worker).values(moves.QUEUED_AGAIN | {"deaths": c.deaths + 1, "alone": True})

        def change(connection: sa.Connection) -> tuple[Sequence[Row], Sequence[Row]]:
            failed = connection.execute(last.returning(generations)).all()
            queued = connection.execute(again.returning(generations)).all()
            entries = [entry(row, "failed") for row in failed]
            append(connection, entries + [entry(row, "requeued", reason="died") for row in queued], now)
            return failed, queued

        failed, queued = await self._database.write(change)
        self._tell([*failed, *queued], wake=bool(queued))
        return len(failed) + len(queued)

    def _take(self, connection: sa.Connection, worker: str, numbers: Sequence[int], lease_seconds: float) -> list[Row]:
        now = self._now()
        move = sa.update(generations).where(c.number.in_(numbers), in_state("queued"))
        values = {"state": "processing", "worker": worker, "attempt": c.attempt + 1, "started_at": now}
        leased = move.values(values | self._lease(lease_seconds)).returning(generations)
        rows = sorted(connection.execute(leased).all(), key=moves.order)
        append(connection, [entry(row, "started") for row in rows], now)
        return rows

    def _lease(self, seconds: float) -> dict[str, float]:
        """A lease from now on. Only the one writer may ask, so that none in the table is of a later moment than now."""
        now = self._clock.uptime()
        return {"leased_at": now, "lease_until": now + seconds}

    async def _end(self, worker: str, id: str, attempt: int, values: dict[str, Any]) -> None:
        now = self._now()
        move = moves.held_move(worker, c.id == id, c.attempt == attempt).values(values | {"completed_at": now})

        def change(connection: sa.Connection) -> Row:
            row = connection.execute(move.returning(generations)).one_or_none()
            if row is None:
                raise LeaseLost("The generation was cancelled, or another worker has it now.")
            append(connection, [entry(row, values["state"])], now)
            return row

        self._tell([await self._database.write(change)])

    async def _requeue(self, whose: sa.ColumnElement[bool], reason: Requeue) -> int:
        move = sa.update(generations).where(in_state("processing"), whose).values(moves.QUEUED_AGAIN)

        def change(connection: sa.Connection) -> Sequence[Row]:
            rows = connection.execute(move.returning(generations)).all()
            append(connection, [entry(row, "requeued", reason=reason) for row in rows], self._now())
            return rows

        rows = await self._database.write(change)
        self._tell(rows, wake=bool(rows))
        return len(rows)

    def _tell_cancelled(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._hints.cancel(row.id)
        self._tell(rows)

    def _tell(self, rows: Sequence[Row], *, wake: bool = False) -> None:
        for namespace in {row.namespace for row in rows}:
            self._hints.event(namespace)
        if wake:
            self._hints.wake()


def _generation(row: Row) -> Generation:
    values = {name: row._mapping[name] for name in Generation.model_fields}
    return Generation(**values)
