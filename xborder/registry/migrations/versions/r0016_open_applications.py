"""Applications for consolidation that may still change are found by indexes."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

REFUSED = "kind = '701' AND (status = '100' OR substr(status, 1, 1) = '-')"


def upgrade() -> None:
    """Forward."""
    past, refused = sa.text("NOT live"), sa.text(REFUSED)
    op.create_index(
        "ix_consolidation_lists_past",
        "consolidation_lists",
        ["consolidation_id"],
        sqlite_where=past,
        postgresql_where=past,
    )
    op.create_index(
        "ix_filings_refused",
        "filings",
        ["kind", "key", "status"],
        sqlite_where=refused,
        postgresql_where=refused,
    )
