"""A document goes on from where it stood, and what came together lies together in the index.

``filings.told_at`` stays null here: then all answers of the document are looked at once more. The
digests of receipts take the minute that customs wrote in front of them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    told = "its latest answer's; null: look at all of them"
    op.add_column("filings", sa.Column("told_at", sa.String(32), nullable=True, comment=told))
    op.execute(
        "UPDATE receipts SET digest = substr(returned_at, 1, 16) || digest WHERE returned_at IS NOT NULL"
    )
