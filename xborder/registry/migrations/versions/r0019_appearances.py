"""Where a new order stands in its file is told by its own row, until it comes again."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Forward."""
    told = sa.Column("rows", sa.BigInteger(), comment="null: told by order_entries")
    for column in (told, sa.Column("lines", sa.BigInteger()),
                   sa.Column("first_row", sa.BigInteger())):  # fmt: skip
        op.add_column("orders", column)
    op.create_table(
        "entered",
        sa.Column("upload_id", ID, nullable=False),
        sa.Column("first_id", ID, nullable=False),
        sa.Column(
            "last_id", sa.BigInteger(), nullable=False, comment="of orders that the file made"
        ),
        sa.ForeignKeyConstraint(["upload_id"], ["uploads.id"], name=op.f("fk_entered_upload_id")),
        sa.PrimaryKeyConstraint("upload_id", "first_id", name=op.f("pk_entered")),
        sqlite_with_rowid=False,
    )
    op.execute(
        """
    CREATE VIEW appearances AS
    SELECT upload_id, order_id, digest, previous_digest, rows, lines, first_row, outcome, block
    FROM order_entries
    UNION ALL
    SELECT o.upload_id, o.id, o.digest, NULL, o.rows, o.lines, o.first_row, 'current', o.block
    FROM entered n JOIN orders o ON o.id BETWEEN n.first_id AND n.last_id
                                AND o.upload_id = n.upload_id
    WHERE o.rows IS NOT NULL
"""
    )
