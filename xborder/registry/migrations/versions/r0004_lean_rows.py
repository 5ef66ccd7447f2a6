"""Rows of orders and lists without what stands elsewhere; one holder of a logistics number."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OPEN = sa.text("state IN ('held', 'accepted')")
PENDING = sa.text("state = 'pending'")
IN_MANIFEST = sa.text("manifest_id IS NOT NULL")


def upgrade() -> None:
    """Forward."""
    _checks()
    _orders()
    _lists()
    _waybills()


def _checks() -> None:
    op.create_table(
        "checks",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("exporter", sa.Text(), nullable=False),
        sa.Column(
            "inputs",
            sa.Text(),
            nullable=False,
            comment="version of what orders were checked against",
        ),
        sa.PrimaryKeyConstraint("id", "exporter", name=op.f("pk_checks")),
        sqlite_with_rowid=False,
    )
    op.execute(
        """
        INSERT INTO checks (id, exporter, inputs)
        SELECT o.check_id, s.exporter, max(o.checked_under)
        FROM orders o JOIN shops s ON s.id = o.shop_id
        WHERE o.check_id IS NOT NULL AND o.checked_under IS NOT NULL GROUP BY 1, 2
        """
    )
    # Of orders that were taken up again a check without inputs would tell nothing.
    op.execute("UPDATE orders SET check_id = NULL WHERE checked_under IS NULL")
    # What claiming did so far is done by the check itself from now on.
    op.execute(
        """
        UPDATE lists SET state = 'void', live = false
        WHERE state = 'pending' AND live AND order_id IN (
            SELECT id FROM orders WHERE state = 'excluded'
                OR (state = 'held' AND checked_under IS NOT NULL))
        """
    )


def _orders() -> None:
    op.drop_index("ix_orders_open", "orders")
    op.drop_column("orders", "checked_under")
    # 128 bits tell one content from another.
    op.execute("UPDATE orders SET digest = substr(digest, 1, 32)")
    op.execute("UPDATE orders SET status_digest = substr(status_digest, 1, 32)")
    op.execute("UPDATE order_entries SET digest = substr(digest, 1, 32)")
    op.execute("UPDATE order_entries SET previous_digest = substr(previous_digest, 1, 32)")
    op.create_index(
        "ix_orders_open",
        "orders",
        ["upload_id", "block"],
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )


def _lists() -> None:
    for name in ("ix_lists_manifest_id", "ix_lists_one_live", "ix_lists_pending"):
        op.drop_index(name, "lists")
    with op.batch_alter_table("lists") as lists:
        lists.drop_constraint("uq_lists_guid", type_="unique")
        lists.drop_column("guid")
        lists.drop_column("app_time")
    op.create_index(
        "ix_lists_manifest_id",
        "lists",
        ["manifest_id"],
        sqlite_where=IN_MANIFEST,
        postgresql_where=IN_MANIFEST,
    )
    op.create_index(
        "ix_lists_one_live",
        "lists",
        ["order_id"],
        unique=True,
        sqlite_where=sa.text("live"),
        postgresql_where=sa.text("live"),
    )
    op.create_index(
        "ix_lists_pending", "lists", ["id"], sqlite_where=PENDING, postgresql_where=PENDING
    )


def _waybills() -> None:
    op.execute("CREATE TABLE waybills_before AS SELECT * FROM waybills")
    op.drop_table("waybills")
    op.create_table(
        "waybills",
        sa.Column("order_id", ID, autoincrement=False, nullable=False),
        sa.Column("logistics_code", sa.Text(), nullable=False),
        sa.Column("logistics_no", sa.Text(), nullable=False),
        sa.Column("export_date", sa.String(10), nullable=False),
        sa.Column("released", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_waybills_order_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_waybills")),
        sa.UniqueConstraint(
            "logistics_code",
            "logistics_no",
            "released",
            name=op.f("uq_waybills_logistics_code_logistics_no_released"),
        ),
    )
    # One an order; a number is held by the accepted or declared order that left last with it.
    op.execute(
        """
        INSERT INTO waybills (order_id, logistics_code, logistics_no, export_date, released)
        SELECT order_id, logistics_code, logistics_no, export_date,
               CASE WHEN holds AND place = 1 THEN 0 ELSE order_id END
        FROM (SELECT w.order_id, w.logistics_code, w.logistics_no, w.export_date,
                     o.state IN ('accepted', 'declared') AS holds,
                     row_number() OVER (
                         PARTITION BY w.logistics_code, w.logistics_no
                         ORDER BY CASE WHEN o.state IN ('accepted', 'declared') THEN 0 ELSE 1 END,
                                  w.export_date DESC, w.order_id DESC) AS place,
                     row_number() OVER (
                         PARTITION BY w.order_id ORDER BY w.export_date DESC, w.logistics_no) AS nth
              FROM waybills_before w JOIN orders o ON o.id = w.order_id) ranked
        WHERE nth = 1
        """
    )
    op.drop_table("waybills_before")
