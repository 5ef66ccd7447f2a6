"""Orders say whether they are open: the index of those that are does not hold their state."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.add_column(
        "orders",
        sa.Column(
            "open",
            sa.Boolean(),
            nullable=False,
            server_default=sa.text("false"),
            comment="held | accepted",
        ),
    )
    op.execute("UPDATE orders SET open = true WHERE state IN ('held', 'accepted')")
    op.drop_index("ix_orders_open", "orders")
    op.create_index(
        "ix_orders_open",
        "orders",
        ["upload_id", "block", "open"],
        sqlite_where=sa.text("open"),
        postgresql_where=sa.text("open"),
    )
