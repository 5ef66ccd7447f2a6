"""The orders of a shop stand in volumes; what stands there so far is the first one of each."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Forward."""
    op.execute(
        """
        CREATE TEMPORARY TABLE shops_before AS
        SELECT s.id, s.exporter, s.channel, s.shop, coalesce(o.orders, 0) AS orders FROM shops s
        LEFT JOIN (SELECT shop_id, count(*) AS orders FROM orders GROUP BY 1) o ON o.shop_id = s.id
        """
    )
    if op.get_context().dialect.name == "sqlite":
        # Its unique keys cannot be changed: another table takes the place, before the commit
        # looks whether each order has its shop.
        op.execute("PRAGMA defer_foreign_keys = ON")
        op.drop_table("shops")
        _shops()
        op.execute(
            """
            INSERT INTO shops (id, exporter, channel, shop, volume, orders)
            SELECT id, exporter, channel, shop, 1, orders FROM shops_before
            """
        )
    else:
        op.add_column("shops", sa.Column("volume", sa.Integer(), nullable=False, server_default="1",
                      comment="from 1; the last one takes new orders"))  # fmt: skip
        op.add_column("shops", sa.Column("orders", sa.BigInteger(), nullable=False,
                      server_default="0", comment="that stand in the volume"))  # fmt: skip
        op.execute("UPDATE shops s SET orders = b.orders FROM shops_before b WHERE b.id = s.id")
        for name in ("volume", "orders"):
            op.alter_column("shops", name, server_default=None)
        op.drop_constraint("uq_shops_exporter_channel_shop", "shops", type_="unique")
        op.create_unique_constraint(UNIQUE, "shops", KEY)
    op.execute("DROP TABLE shops_before")
    op.create_table(
        "order_filters",
        sa.Column("shop_id", ID, autoincrement=False, nullable=False),
        sa.Column(
            "bits",
            sa.LargeBinary(),
            nullable=False,
            comment="Bloom filter of a closed volume's orders",
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name=op.f("fk_order_filters_shop_id")),
        sa.PrimaryKeyConstraint("shop_id", name=op.f("pk_order_filters")),
    )


KEY = ["exporter", "channel", "shop", "volume"]
UNIQUE = "uq_shops_exporter_channel_shop_volume"


def _shops() -> None:
    op.create_table(
        "shops",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("exporter", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("shop", sa.Text(), nullable=False),
        sa.Column(
            "volume",
            sa.Integer(),
            nullable=False,
            comment="from 1; the last one takes new orders",
        ),
        sa.Column("orders", sa.BigInteger(), nullable=False, comment="that stand in the volume"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shops")),
        sa.UniqueConstraint(*KEY, name=op.f(UNIQUE)),
    )
