"""The first tables: generations, counters, clock, events, assets."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
QUEUED = sa.text("state = 'queued'")
PROCESSING = sa.text("state = 'processing'")


def upgrade() -> None:
    """Make every table, and the one row of the clock."""
    _make_generations()
    _make_fairness()
    _make_events()
    _make_assets()


def _make_generations() -> None:
    op.create_table(
        "generations",
        sa.Column("number", NUMBER, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("request_id", sa.String(length=36), nullable=False),
        sa.Column("image_index", sa.Integer(), nullable=False),
        sa.Column("namespace", sa.String(length=255), nullable=False),
        sa.Column("model", sa.String(length=255), nullable=False),
        sa.Column("card", sa.String(length=255), nullable=False),
        sa.Column("batch_key", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("turn", sa.Double(), nullable=False),
        sa.Column("cost", sa.Double(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("submitted", sa.JSON(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("deaths", sa.Integer(), nullable=False),
        sa.Column("alone", sa.Boolean(), nullable=False),
        sa.Column("worker", sa.String(length=255)),
        sa.Column("leased_at", sa.Double()),
        sa.Column("lease_until", sa.Double()),
        sa.Column("error_code", sa.String(length=64)),
        sa.Column("error_message", sa.Text()),
        sa.Column("result_path", sa.Text()),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("enqueued_at", sa.Double(), nullable=False),
        sa.Column("started_at", sa.Double()),
        sa.Column("completed_at", sa.Double()),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "generations_batch",
        "generations",
        ["card", "batch_key", "turn", "number"],
        sqlite_where=QUEUED,
        postgresql_where=QUEUED,
    )
    op.create_index("generations_history", "generations", ["namespace", "state", "number"])
    op.create_index(
        "generations_turn", "generations", ["card", "turn", "number"], sqlite_where=QUEUED, postgresql_where=QUEUED
    )
    op.create_index(
        "generations_worker", "generations", ["worker"], sqlite_where=PROCESSING, postgresql_where=PROCESSING
    )


def _make_fairness() -> None:
    op.create_table(
        "clock",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("turn", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "counters",
        sa.Column("namespace", sa.String(length=255), nullable=False),
        sa.Column("last_event", NUMBER, nullable=False),
        sa.Column("first_event", NUMBER, nullable=False),
        sa.Column("next_turn", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("namespace"),
    )
    op.execute("INSERT INTO clock (id, turn) VALUES (1, 0)")


def _make_events() -> None:
    op.create_table(
        "events",
        sa.Column("namespace", sa.String(length=255), nullable=False),
        sa.Column("id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("generation_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("namespace", "id"),
    )
    op.create_index("events_created", "events", ["namespace", "created_at"])


def _make_assets() -> None:
    op.create_table(
        "assets",
        sa.Column("number", NUMBER, autoincrement=True, nullable=False),
        sa.Column("namespace", sa.String(length=255), nullable=False),
        sa.Column("repo", sa.String(length=255), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("commit_id", sa.String(length=64), nullable=False),
        sa.Column("size", NUMBER, nullable=False),
        sa.Column("media_type", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    op.create_index("assets_commit", "assets", ["commit_id"])
    op.create_index("assets_path", "assets", ["namespace", "repo", "path", "number"])
