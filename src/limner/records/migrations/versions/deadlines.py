"""Priorities, deadlines and idempotency keys."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

QUEUED = sa.text("state = 'queued'")
WITH_DEADLINE = sa.text("cancel_at IS NOT NULL AND completed_at IS NULL")


def upgrade() -> None:
    """Nothing that is there has a priority or a deadline."""
    op.add_column("generations", sa.Column("priority", sa.Integer(), server_default="0", nullable=False))
    op.add_column("generations", sa.Column("cancel_at", sa.Double()))
    op.create_index(
        "generations_own", "generations", ["namespace", "turn"], sqlite_where=QUEUED, postgresql_where=QUEUED
    )
    op.create_index(
        "generations_deadline",
        "generations",
        ["cancel_at"],
        sqlite_where=WITH_DEADLINE,
        postgresql_where=WITH_DEADLINE,
    )
    op.create_table(
        "idempotency",
        sa.Column("namespace", sa.String(length=255), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("generation_ids", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("namespace", "key"),
    )
    op.create_index("idempotency_created", "idempotency", ["created_at"])
