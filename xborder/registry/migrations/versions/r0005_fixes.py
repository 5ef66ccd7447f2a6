"""Answers of exporters to causes."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "fixes",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("exporter", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False, comment="sku, or a code table"),
        sa.Column("key", sa.Text(), nullable=False, comment="the SKU, or the word"),
        sa.Column("field", sa.Text(), nullable=False, comment="empty for a word"),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False, comment="given|revoked"),
        sa.Column("after", ID, nullable=False, comment="the last delivery before it"),
        sa.Column("given_by", sa.Text(), nullable=False),
        sa.Column("given_at", sa.String(32), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fixes")),
    )
    op.create_index(op.f("ix_fixes_exporter"), "fixes", ["exporter"])
