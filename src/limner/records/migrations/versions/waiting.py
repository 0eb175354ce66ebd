"""Indexes that hold all that is asked of them: a submit reads nothing of the history, and a list counts no rows."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

QUEUED = sa.text("state = 'queued'")


def upgrade() -> None:
    """Only indexes."""
    waiting = ["namespace", "priority", "state"]
    op.create_index("generations_waiting", "generations", waiting, sqlite_where=QUEUED, postgresql_where=QUEUED)
    op.drop_index("generations_history", "generations")
    op.create_index("generations_history", "generations", ["namespace", "state", "number", "deleted_at"])
