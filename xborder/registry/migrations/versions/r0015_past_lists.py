"""The lists of an order are found that are not live any more; those that are, by the unique index."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    past = sa.text("NOT live")
    op.create_index(
        "ix_lists_past", "lists", ["order_id"], sqlite_where=past, postgresql_where=past
    )
