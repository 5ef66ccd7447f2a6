"""The registry's first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "audit",
        sa.Column("seq", ID, autoincrement=False, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
    )
    op.create_table(
        "counters",
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "cutoffs",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("business_date", sa.String(10), nullable=False),
        sa.Column("taken_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cutoffs")),
    )
    op.create_table(
        "shops",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("exporter", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("shop", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shops")),
        sa.UniqueConstraint(
            "exporter", "channel", "shop", name=op.f("uq_shops_exporter_channel_shop")
        ),
    )
    op.create_table(
        "uploads",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("exporter", sa.Text(), nullable=False),
        sa.Column(
            "shop", sa.Text(), nullable=False, comment="empty where the kind or profile needs none"
        ),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("kind", sa.String(16), nullable=True),
        sa.Column("layout", sa.Text(), nullable=True),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.String(32), nullable=False),
        sa.Column("business_date", sa.String(10), nullable=False),
        sa.Column(
            "state", sa.String(16), nullable=False, comment="landed | read | checked | refused"
        ),
        sa.Column("code", sa.Text(), nullable=True, comment="why it was refused"),
        sa.Column("rows", sa.BigInteger(), nullable=True, comment="physical rows; null until read"),
        sa.Column("original", sa.String(16), nullable=False, comment="kept | expired"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
        sa.UniqueConstraint(
            "exporter", "shop", "sha256", name=op.f("uq_uploads_exporter_shop_sha256")
        ),
    )
    op.create_index(op.f("ix_uploads_sha256"), "uploads", ["sha256"])
    op.create_index(op.f("ix_uploads_state"), "uploads", ["state"])
    op.create_table(
        "deliveries",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("upload_id", ID, nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("received_at", sa.String(32), nullable=False),
        sa.Column(
            "new", sa.Boolean(), nullable=False, comment="false: the bytes were known already"
        ),
        sa.Column(
            "marker",
            sa.String(64),
            nullable=True,
            comment="which landed file this was; a crash counts it once",
        ),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["uploads.id"], name=op.f("fk_deliveries_upload_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("marker", name=op.f("uq_deliveries_marker")),
    )
    op.create_index(op.f("ix_deliveries_upload_id"), "deliveries", ["upload_id"])
    op.create_table(
        "manifests",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("number", sa.String(30), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False, comment="lists | declarations"),
        sa.Column("cutoff_id", ID, nullable=False),
        sa.Column("business_date", sa.String(10), nullable=False),
        sa.Column("exporter", sa.Text(), nullable=False),
        sa.Column("customs_code", sa.String(8), nullable=False),
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("lists", sa.BigInteger(), nullable=False),
        sa.Column("app_time", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False, comment="reserved | published"),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("folder", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["cutoff_id"], ["cutoffs.id"], name=op.f("fk_manifests_cutoff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manifests")),
        sa.UniqueConstraint("number", name=op.f("uq_manifests_number")),
    )
    op.create_index(op.f("ix_manifests_business_date"), "manifests", ["business_date"])
    op.create_index(op.f("ix_manifests_state"), "manifests", ["state"])
    op.create_table(
        "movements",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("exporter", sa.Text(), nullable=False),
        sa.Column("movement_id", sa.Text(), nullable=False),
        sa.Column("moved_at", sa.Text(), nullable=True),
        sa.Column("warehouse", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=True),
        sa.Column("disposition", sa.Text(), nullable=True),
        sa.Column("movement_type", sa.Text(), nullable=True),
        sa.Column("qty", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("inbound_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("unit_price", sa.Text(), nullable=True),
        sa.Column("upload_id", ID, nullable=False),
        sa.Column("sheet", sa.Text(), nullable=True),
        sa.Column("row", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["upload_id"], ["uploads.id"], name=op.f("fk_movements_upload_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_movements")),
        sa.UniqueConstraint(
            "exporter",
            "warehouse",
            "movement_id",
            name=op.f("uq_movements_exporter_warehouse_movement_id"),
        ),
    )
    op.create_table(
        "orders",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("shop_id", ID, nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("upload_id", ID, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("status_digest", sa.Text(), nullable=False),
        sa.Column(
            "ordered_at",
            sa.Text(),
            nullable=True,
            comment="UTC instant or day; null where it was not readable",
        ),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("proposed_cancellation", sa.Boolean(), nullable=False),
        sa.Column(
            "state", sa.String(16), nullable=False, comment="held | accepted | declared | excluded"
        ),
        sa.Column("route", sa.String(16), nullable=True),
        sa.Column(
            "codes", sa.Text(), nullable=False, comment="comma-joined codes that hold or exclude it"
        ),
        sa.Column(
            "checked_under",
            sa.Text(),
            nullable=True,
            comment="version of the inputs of the last check",
        ),
        sa.Column("check_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "business_date",
            sa.String(10),
            nullable=True,
            comment="the day it was accepted, held or cured",
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name=op.f("fk_orders_shop_id")),
        sa.ForeignKeyConstraint(["upload_id"], ["uploads.id"], name=op.f("fk_orders_upload_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("shop_id", "order_no", name=op.f("uq_orders_shop_id_order_no")),
    )
    op.create_index(
        "ix_orders_open",
        "orders",
        ["shop_id", "id"],
        sqlite_where=sa.text("state IN ('held', 'accepted')"),
        postgresql_where=sa.text("state IN ('held', 'accepted')"),
    )
    op.create_table(
        "upload_rows",
        sa.Column("upload_id", ID, nullable=False),
        sa.Column(
            "state", sa.String(16), nullable=False, comment="accepted|held|excluded|duplicate"
        ),
        sa.Column("code", sa.String(60), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["uploads.id"], name=op.f("fk_upload_rows_upload_id")
        ),
        sa.PrimaryKeyConstraint("upload_id", "state", "code", name=op.f("pk_upload_rows")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "lists",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("cop_no", sa.String(30), nullable=False),
        sa.Column("guid", sa.String(36), nullable=False),
        sa.Column("state", sa.String(16), nullable=False, comment="pending | issued | void"),
        sa.Column("route", sa.String(16), nullable=False),
        sa.Column("check_id", sa.BigInteger(), nullable=False),
        sa.Column("manifest_id", ID, nullable=True),
        sa.Column("app_type", sa.String(1), nullable=False),
        sa.Column("app_time", sa.String(32), nullable=True),
        sa.ForeignKeyConstraint(
            ["manifest_id"], ["manifests.id"], name=op.f("fk_lists_manifest_id")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_lists_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lists")),
        sa.UniqueConstraint("cop_no", "version", name=op.f("uq_lists_cop_no_version")),
        sa.UniqueConstraint("guid", name=op.f("uq_lists_guid")),
    )
    op.create_index(op.f("ix_lists_manifest_id"), "lists", ["manifest_id"])
    op.create_index(
        "ix_lists_one_live",
        "lists",
        ["order_id"],
        unique=True,
        sqlite_where=sa.text("live"),
        postgresql_where=sa.text("live"),
    )
    op.create_index(
        "ix_lists_pending",
        "lists",
        ["id"],
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "order_entries",
        sa.Column("upload_id", ID, nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column(
            "previous_digest",
            sa.Text(),
            nullable=True,
            comment="the order's content before, where this one differs",
        ),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("first_row", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_order_entries_order_id")
        ),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["uploads.id"], name=op.f("fk_order_entries_upload_id")
        ),
        sa.PrimaryKeyConstraint("upload_id", "order_id", name=op.f("pk_order_entries")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_order_entries_changed",
        "order_entries",
        ["order_id"],
        sqlite_where=sa.text("outcome = 'changed_after_issue'"),
        postgresql_where=sa.text("outcome = 'changed_after_issue'"),
    )
    op.create_table(
        "waybills",
        sa.Column("logistics_code", sa.Text(), nullable=False),
        sa.Column("logistics_no", sa.Text(), nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("export_date", sa.String(10), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_waybills_order_id")),
        sa.PrimaryKeyConstraint(
            "logistics_code", "logistics_no", "order_id", name=op.f("pk_waybills")
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_waybills_order_id"), "waybills", ["order_id"])
