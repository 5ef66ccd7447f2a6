"""Orders and their entries name the block of the file that holds their lines."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WHOLE_FILE = "block of the file that holds its lines; null: anywhere in the file"


def upgrade() -> None:
    """Forward."""
    for table in ("orders", "order_entries"):
        op.add_column(table, sa.Column("block", sa.Integer(), nullable=True, comment=WHOLE_FILE))
