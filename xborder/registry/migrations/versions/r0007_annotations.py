"""The annotated copies that are kept, and of which upload a corrected copy came back."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Forward."""
    op.add_column(
        "uploads",
        sa.Column(
            "patch_of",
            ID,
            nullable=True,
            comment="upload whose annotated copy this is; null: a file of its own",
        ),
    )
    op.create_table(
        "annotations",
        sa.Column("upload_id", ID, autoincrement=False, nullable=False),
        sa.Column(
            "version", sa.String(64), nullable=False, comment="what stood of the upload then"
        ),
        sa.Column("digest", sa.String(64), nullable=False, comment="of the findings in the copy"),
        sa.Column("sha256", sa.String(64), nullable=False, comment="of the copy's plain bytes"),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["uploads.id"], name=op.f("fk_annotations_upload_id")
        ),
        sa.PrimaryKeyConstraint("upload_id", name=op.f("pk_annotations")),
    )
