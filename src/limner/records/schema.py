"""The tables, as SQLAlchemy Core. `migrations` makes them; a test holds the two equal. Times are unix seconds.

Indexes of live states are partial (`WHERE state = 'queued'`), so that they stay small however long the history is and
a claim among 10^5 queued rows takes milliseconds. Queries must write those states as literals to use them.
"""

import sqlalchemy as sa

metadata = sa.MetaData()

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""SQLite gives out row numbers only for a column of exactly this type."""

generations = sa.Table(
    "generations",
    metadata,
    sa.Column("number", Number, primary_key=True, autoincrement=True),  # order of arrival
    sa.Column("id", sa.String(36), nullable=False, unique=True),
    sa.Column("request_id", sa.String(36), nullable=False),
    sa.Column("image_index", sa.Integer, nullable=False),
    sa.Column("namespace", sa.String(255), nullable=False),
    sa.Column("model", sa.String(255), nullable=False),  # as the caller wrote it
    sa.Column("card", sa.String(255), nullable=False),
    sa.Column("batch_key", sa.String(255), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("turn", sa.Double, nullable=False),  # virtual start time: see queue.fair
    sa.Column("cost", sa.Double, nullable=False),
    sa.Column("plan", sa.JSON, nullable=False),
    sa.Column("submitted", sa.JSON, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),  # how often a worker has taken it
    sa.Column("deaths", sa.Integer, nullable=False),  # how often a worker died of it, perhaps
    sa.Column("alone", sa.Boolean, nullable=False),  # shares no batch any more
    sa.Column("worker", sa.String(255)),
    sa.Column("leased_at", sa.Double),
    sa.Column("lease_until", sa.Double),
    sa.Column("error_code", sa.String(64)),
    sa.Column("error_message", sa.Text),
    sa.Column("result_path", sa.Text),
    sa.Column("warnings", sa.JSON, nullable=False),
    sa.Column("enqueued_at", sa.Double, nullable=False),
    sa.Column("started_at", sa.Double),  # when the present attempt began; null while queued
    sa.Column("completed_at", sa.Double),
    sa.Column("priority", sa.Integer, nullable=False, server_default="0"),  # among those of its namespace
    sa.Column("cancel_at", sa.Double),  # if it has not ended by then
    sa.Column("favourite", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("deleted_at", sa.Double),  # when its owner deleted the picture; it is in no list since
    sqlite_autoincrement=True,
)

_queued = sa.text("state = 'queued'")
_processing = sa.text("state = 'processing'")
_c = generations.c
sa.Index("generations_turn", _c.card, _c.turn, _c.number, sqlite_where=_queued, postgresql_where=_queued)
sa.Index("generations_batch", _c.card, _c.batch_key, _c.turn, _c.number, sqlite_where=_queued, postgresql_where=_queued)
sa.Index("generations_worker", _c.worker, sqlite_where=_processing, postgresql_where=_processing)
sa.Index("generations_own", _c.namespace, _c.turn, sqlite_where=_queued, postgresql_where=_queued)
# With the state in it, SQLite counts what waits in this index; without, it would walk an index of the whole history.
sa.Index("generations_waiting", _c.namespace, _c.priority, _c.state, sqlite_where=_queued, postgresql_where=_queued)
_with_deadline = sa.text("cancel_at IS NOT NULL AND completed_at IS NULL")
sa.Index("generations_deadline", _c.cancel_at, sqlite_where=_with_deadline, postgresql_where=_with_deadline)
sa.Index("generations_history", _c.namespace, _c.state, _c.number, _c.deleted_at)

counters = sa.Table(
    "counters",
    metadata,
    sa.Column("namespace", sa.String(255), primary_key=True),
    sa.Column("last_event", Number, nullable=False),  # id of the newest event
    sa.Column("first_event", Number, nullable=False),  # id of the oldest event still in the log
    sa.Column("next_turn", sa.Double, nullable=False),  # virtual time when the next generation may start
)

clock = sa.Table(
    "clock",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("turn", sa.Double, nullable=False),  # turn of the latest generation taken from the head
)
"""One row, the virtual time of the whole queue."""

events = sa.Table(
    "events",
    metadata,
    sa.Column("namespace", sa.String(255), primary_key=True),
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("generation_id", sa.String(36), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
)
sa.Index("events_created", events.c.namespace, events.c.created_at)

assets = sa.Table(
    "assets",
    metadata,
    sa.Column("number", Number, primary_key=True, autoincrement=True),  # order of arrival; newest wins
    sa.Column("namespace", sa.String(255), nullable=False),
    sa.Column("repo", sa.String(255), nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),  # SHA-256 of the bytes, hex
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("commit_id", sa.String(64), nullable=False),  # SHA-256 of the row, hex
    sa.Column("size", Number, nullable=False),  # bytes
    sa.Column("media_type", sa.String(255), nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sqlite_autoincrement=True,
)
sa.Index("assets_path", assets.c.namespace, assets.c.repo, assets.c.path, assets.c.number)
sa.Index("assets_commit", assets.c.commit_id)

keys = sa.Table(
    "keys",
    metadata,
    sa.Column("id", sa.String(8), primary_key=True),  # public part of the key, hex
    sa.Column("digest", sa.String(64), nullable=False),  # SHA-256 of the whole key, hex
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("namespace", sa.String(255), nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("expires_at", sa.Double),
    sa.Column("revoked_at", sa.Double),
)

idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("namespace", sa.String(255), primary_key=True),
    sa.Column("key", sa.String(255), primary_key=True),  # as the caller sent it
    sa.Column("fingerprint", sa.String(64), nullable=False),  # SHA-256 of the route and its parameters, hex
    sa.Column("generation_ids", sa.JSON, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
)
sa.Index("idempotency_created", idempotency.c.created_at)

deployments = sa.Table(
    "deployments",
    metadata,
    sa.Column("card", sa.String(255), primary_key=True),
    sa.Column("wanted", sa.String(16), nullable=False),  # active or inactive
    sa.Column("order", Number, nullable=False),  # rises with every order, so that each is carried out once
)
