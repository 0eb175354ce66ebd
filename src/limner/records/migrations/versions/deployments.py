"""Which models a person wants loaded."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody has asked for anything yet: each model is loaded by the first request for it."""
    op.create_table(
        "deployments",
        sa.Column("card", sa.String(length=255), nullable=False),
        sa.Column("wanted", sa.String(length=16), nullable=False),
        sa.Column("order", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("card"),
    )
