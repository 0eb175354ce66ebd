"""Favourites, and generations whose owner has deleted the picture."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing that is there is a favourite, and nobody has deleted anything yet."""
    op.add_column("generations", sa.Column("favourite", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("generations", sa.Column("deleted_at", sa.Double()))
