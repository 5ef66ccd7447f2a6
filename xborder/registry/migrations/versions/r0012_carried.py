"""A message whose documents failed in another one knows which answers came before it."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Forward."""
    told = "newest receipt when its documents were carried over"
    op.add_column("messages", sa.Column("after_receipt", ID, comment=told))
