"""A receipt keeps whose and which document it says it answers, until that one is there."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    guid = sa.Column("guid", sa.Text(), comment="the document's or the e-port's own")
    op.add_column("receipts", guid)
    op.add_column(
        "receipts", sa.Column("ebc_code", sa.Text(), comment="the consignor that it names")
    )
