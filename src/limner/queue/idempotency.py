"""Idempotency keys: a request sent twice under one key is queued once. Both methods run inside a writer's transaction.

A key is good for a day and for its namespace only. Whoever sends it again with other parameters is told so, since one
of the two would be lost without a word.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from limner.errors import Conflict
from limner.records.schema import generations, idempotency
from limner.wire import ImageRequest

KEPT_SECONDS = 24 * 3600.0

c = idempotency.c


def recall(connection: sa.Connection, namespace: str, key: str, fingerprint: str, now: float) -> list[sa.Row[Any]]:
    """The generations that were queued under this key, in order; none if it is new, has expired or they are pruned.

    Conflict if the key came with another fingerprint.
    """
    known = sa.select(c.fingerprint, c.generation_ids).where(c.namespace == namespace, c.key == key)
    row = connection.execute(known.where(c.created_at > now - KEPT_SECONDS)).one_or_none()
    if row is None:
        return []
    if row.fingerprint != fingerprint:
        raise Conflict(
            "This Idempotency-Key was used for another request in the last 24 hours; use a new one.",
            field="Idempotency-Key",
        )
    found = sa.select(generations).where(generations.c.namespace == namespace, generations.c.id.in_(row.generation_ids))
    rows = list(connection.execute(found.order_by(generations.c.number)).all())
    return rows if len(rows) == len(row.generation_ids) else []


def keep(connection: sa.Connection, request: ImageRequest, ids: Sequence[str], now: float) -> None:
    """Remember what was queued under the key of a request, and forget the keys that have expired."""
    same = sa.and_(c.namespace == request.namespace, c.key == request.idempotency_key)
    connection.execute(sa.delete(idempotency).where(sa.or_(c.created_at <= now - KEPT_SECONDS, same)))
    connection.execute(
        sa.insert(idempotency).values(
            namespace=request.namespace,
            key=request.idempotency_key,
            fingerprint=request.fingerprint,
            generation_ids=list(ids),
            created_at=now,
        )
    )
