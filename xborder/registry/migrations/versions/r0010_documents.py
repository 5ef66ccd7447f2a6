"""Bills, cancellations, returns; what becomes of a list after its issue."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LIVE = sa.text("live")
FOLLOWED = sa.text("next_app_type IS NOT NULL")
ENDED = sa.text("state IN ('refused', 'cancelled')")


def upgrade() -> None:
    """Forward."""
    _lists()
    _bills()
    _documents()


def _lists() -> None:
    if op.get_bind().dialect.name == "postgresql":  # SQLite has no comments
        op.execute(
            "COMMENT ON COLUMN lists.state IS"
            " 'pending | issued | void | refused | amended | cancelled'"
        )
    op.add_column(
        "lists",
        sa.Column(
            "order_app_type",
            sa.String(1),
            nullable=True,
            comment="of its order's message; null: as app_type",
        ),
    )
    op.add_column(
        "lists",
        sa.Column(
            "next_app_type",
            sa.String(1),
            nullable=True,
            comment="the order's next list is its next version and goes as this; null: a new copNo",
        ),
    )
    op.create_index(
        "ix_lists_followed",
        "lists",
        ["order_id"],
        unique=True,
        sqlite_where=FOLLOWED,
        postgresql_where=FOLLOWED,
    )
    op.create_index(
        "ix_lists_ended", "lists", ["order_id"], sqlite_where=ENDED, postgresql_where=ENDED
    )


def _bills() -> None:
    op.create_table(
        "bills",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("exporter", sa.Text(), nullable=False),
        sa.Column("customs_code", sa.String(4), nullable=False),
        sa.Column("bill_no", sa.String(37), nullable=False),
        sa.Column("lists", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False, comment="open | cancelled"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bills")),
    )
    op.create_index(op.f("ix_bills_exporter_bill_no"), "bills", ["exporter", "bill_no"])
    op.create_table(
        "bill_lists",
        sa.Column("bill_id", ID, nullable=False),
        sa.Column("list_id", ID, nullable=False),
        sa.Column("logistics_no", sa.String(32), nullable=False),
        sa.Column("package_no", sa.String(37), nullable=True, comment="totalPackageNo"),
        sa.Column("live", sa.Boolean(), nullable=False, comment="false: the bill was cancelled"),
        sa.ForeignKeyConstraint(["bill_id"], ["bills.id"], name=op.f("fk_bill_lists_bill_id")),
        sa.ForeignKeyConstraint(["list_id"], ["lists.id"], name=op.f("fk_bill_lists_list_id")),
        sa.PrimaryKeyConstraint("bill_id", "list_id", name=op.f("pk_bill_lists")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_bill_lists_one_live",
        "bill_lists",
        ["list_id"],
        unique=True,
        sqlite_where=LIVE,
        postgresql_where=LIVE,
    )


def _documents() -> None:
    op.create_table(
        "documents",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(3), nullable=False, comment="213, 215, 507, 509, 605, 607"),
        sa.Column("exporter", sa.Text(), nullable=False),
        sa.Column("cop_no", sa.String(30), nullable=False),
        sa.Column("app_type", sa.String(1), nullable=False),
        sa.Column("app_time", sa.String(32), nullable=False),
        sa.Column("head", sa.Text(), nullable=False, comment="all that it says besides its lines"),
        sa.Column(
            "parts", sa.Integer(), nullable=False, comment="msgCount: messages that it goes in"
        ),
        sa.Column("bill_id", ID, nullable=True, comment="of 507, 509, 607"),
        sa.Column("list_id", ID, nullable=True, comment="of 213, 215, 605"),
        sa.ForeignKeyConstraint(["bill_id"], ["bills.id"], name=op.f("fk_documents_bill_id")),
        sa.ForeignKeyConstraint(["list_id"], ["lists.id"], name=op.f("fk_documents_list_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_documents")),
        sa.UniqueConstraint(
            "kind", "cop_no", "app_type", name=op.f("uq_documents_kind_cop_no_app_type")
        ),
    )
    for column in ("bill_id", "list_id"):
        op.create_index(op.f(f"ix_documents_{column}"), "documents", [column])
    op.create_table(
        "return_items",
        sa.Column("document_id", ID, nullable=False),
        sa.Column(
            "gnum", sa.Integer(), autoincrement=False, nullable=False, comment="as in the list"
        ),
        sa.Column("qty", sa.Text(), nullable=False, comment="plain decimal, in the list's unit"),
        sa.Column("item", sa.Text(), nullable=False, comment="all that the 213 says of it"),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_return_items_document_id")
        ),
        sa.PrimaryKeyConstraint("document_id", "gnum", name=op.f("pk_return_items")),
        sqlite_with_rowid=False,
    )
