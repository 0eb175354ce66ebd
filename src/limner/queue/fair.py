"""Fair share between namespaces: start-time fair queueing (Goyal, Vin, Cheng, 1996). It orders; it claims nothing.

Each generation gets a `turn`, the virtual time at which it may start: the later of the queue's clock and of the end of
its namespace's previous one. Generations are taken by lowest turn, and the clock is the turn of the latest one taken
from the head. So a namespace with a thousand waiting does not delay one with a single generation by more than a turn,
and a namespace that was idle gains nothing by it. Cost is `Plan.cost`, so a large picture counts as much as it takes.
"""

from collections.abc import Sequence
from itertools import accumulate

import sqlalchemy as sa

from limner.queue.states import in_state
from limner.records.schema import clock, counters, generations

c = generations.c


def take_turns(connection: sa.Connection, namespace: str, costs: Sequence[float], priority: int = 0) -> list[float]:
    """The turns of new generations with these costs, charged to the namespace; makes its counter row.

    Those of its own that wait with a lower `priority` let them pass, each moving back by what the new ones cost. So
    priorities change whose turn a namespace spends first, never how much it gets beside the others.
    """
    # The last of one's own that still wait: a refund may have set next_turn back, and nobody overtakes himself.
    waiting = sa.and_(c.namespace == namespace, in_state("queued"))
    last = sa.select(c.turn).where(waiting).order_by(c.turn.desc()).limit(1).scalar_subquery()
    now = sa.select(clock.c.turn).scalar_subquery()
    known = sa.select(counters.c.next_turn, now.label("now"), last.label("last"))
    known = known.where(counters.c.namespace == namespace).with_for_update(of=counters)
    row = connection.execute(known).one_or_none()
    if row is None:
        turn = connection.execute(sa.select(clock.c.turn)).scalar_one()
        first = {"namespace": namespace, "last_event": 0, "first_event": 1, "next_turn": turn}
        connection.execute(sa.insert(counters).values(first))
    else:
        turn = max(row.now, row.next_turn, row.last or row.now)
    end = turn + sum(costs)
    connection.execute(sa.update(counters).where(counters.c.namespace == namespace).values(next_turn=end))
    before = sa.select(c.turn).where(waiting, c.priority >= priority).order_by(c.turn.desc()).limit(1)
    behind = sa.select(c.turn).where(waiting, c.priority < priority).order_by(c.turn).limit(1)
    overtaken = connection.execute(behind).scalar_one_or_none()
    if overtaken is not None:
        turn = max(overtaken, connection.execute(before).scalar_one_or_none() or overtaken)
        back = sa.update(generations).where(waiting, c.priority < priority).values(turn=c.turn + sum(costs))
        connection.execute(back)
    return list(accumulate(costs, initial=turn))[:-1]


def refund(connection: sa.Connection, namespace: str, cost: float) -> None:
    """Give back the cost of a generation that was cancelled before it began."""
    less = counters.c.next_turn - cost
    connection.execute(sa.update(counters).where(counters.c.namespace == namespace).values(next_turn=less))


def advance(connection: sa.Connection, turn: float) -> None:
    """Move the clock to the turn of a generation taken from the head; it never goes back."""
    connection.execute(sa.update(clock).where(clock.c.turn < turn).values(turn=turn))
