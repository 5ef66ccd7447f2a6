"""What the operator ignored of an order stays ignored when a later export brings it again."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "ignored_changes",
        sa.Column("order_id", ID, nullable=False, autoincrement=False),
        sa.Column(
            "digest", sa.Text(), nullable=False, comment="of the content that came after the issue"
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_ignored_changes_order_id"),
        sa.PrimaryKeyConstraint("order_id", "digest", name="pk_ignored_changes"),
        sqlite_with_rowid=False,
    )
