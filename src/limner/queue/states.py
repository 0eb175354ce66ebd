"""The moves a generation can make, as data: architecture/04-queue.md draws them with the same letters. No query here.

a submit          -> queued                  f cancel   queued     -> cancelled
b claim, join   queued -> processing         g cancel   processing -> cancelled
c finish        processing -> succeeded      h release  processing -> queued   (a stop: not counted)
d fail          processing -> failed         i reap     processing -> queued   (a dead lease: not counted)
e bury          processing -> failed (third) j bury     processing -> queued   (a death: counted, then alone)
"""

from typing import Literal

import sqlalchemy as sa

from limner.records.schema import generations
from limner.wire import EventKind, State

LIVE: tuple[State, ...] = ("queued", "processing")
ENDED: tuple[State, ...] = ("succeeded", "failed", "cancelled")
ENDING: tuple[EventKind, ...] = ("succeeded", "failed", "cancelled")
"""Kinds of the events that end a generation; each has the name of the state it leads to."""

Requeue = Literal["released", "expired", "died"]
"""Why a generation went back to the queue; `data.reason` of its event."""

MAX_DEATHS = 3
"""Counted deaths after which a generation is failed."""


def in_state(state: State) -> sa.ColumnElement[bool]:
    """The condition with the state written as a literal, so that partial indexes are used even by prepared plans."""
    return generations.c.state == sa.literal(state, sa.String(), literal_execute=True)
