"""The registry's tables (登记表), as SQLAlchemy Core metadata.

Instants are stored as ISO 8601 text in UTC and days as ``YYYY-MM-DD``, so that both databases
compare and sort them alike; Core selects give ``datetime`` and ``date`` back. Identifiers are
drawn from ``counters`` (or, for orders, follow from it), never from database sequences.
"""

import json
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect

Id = BigInteger().with_variant(Integer, "sqlite")
"""64-bit number; on SQLite the spelling that makes a primary key the row's own address."""


class Instant(TypeDecorator[datetime]):
    """A point in time with an offset; stored as ISO 8601 text in UTC."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Text in UTC; ValueError for a time without an offset."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs an offset")
        return value.astimezone(UTC).isoformat()

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """The instant, in UTC."""
        return None if value is None else datetime.fromisoformat(value)


class Day(TypeDecorator[date]):
    """A business day (Asia/Shanghai); stored as ``YYYY-MM-DD``."""

    impl = String(10)
    cache_ok = True

    def process_bind_param(self, value: date | None, dialect: Dialect) -> str | None:
        """The day as text."""
        return None if value is None else value.isoformat()

    def process_result_value(self, value: str | None, dialect: Dialect) -> date | None:
        """The day."""
        return None if value is None else date.fromisoformat(value)


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and without blanks: the same value is always the same text."""
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )


class CanonicalJson(TypeDecorator[Any]):
    """A JSON value, stored as canonical text because the audit chain hashes it."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        """Canonical text."""
        return canonical_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """The value."""
        return None if value is None else json.loads(value)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

counters = Table(
    "counters",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("value", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("sha256", String(64), nullable=False),
    Column("exporter", Text, nullable=False),
    Column("shop", Text, nullable=False, comment="empty where the kind or profile needs none"),
    Column("channel", Text),
    Column("kind", String(16)),
    Column("layout", Text),
    Column("file_name", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("business_date", Day, nullable=False),
    Column("state", String(16), nullable=False, comment="landed | read | checked | refused"),
    Column("code", Text, comment="why it was refused"),
    Column("rows", BigInteger, comment="physical rows; null until read"),
    Column("original", String(16), nullable=False, comment="kept | expired"),
    Column("patch_of", Id, comment="upload whose annotated copy this is; null: a file of its own"),
    UniqueConstraint("exporter", "shop", "sha256"),
    Index(None, "state"),
    Index(None, "sha256"),
)

annotations = Table(
    "annotations",
    metadata,
    Column("upload_id", Id, ForeignKey("uploads.id"), primary_key=True, autoincrement=False),
    Column("version", String(64), nullable=False, comment="what stood of the upload then"),
    Column("digest", String(64), nullable=False, comment="of the findings in the copy"),
    Column("sha256", String(64), nullable=False, comment="of the copy's plain bytes"),
    Column("size", BigInteger, nullable=False),
    Column("made_at", Instant, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("upload_id", Id, ForeignKey("uploads.id"), nullable=False),
    Column("file_name", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("new", Boolean, nullable=False, comment="false: the bytes were known already"),
    Column("marker", String(64), comment="which landed file this was; a crash counts it once"),
    UniqueConstraint("marker"),
    Index(None, "upload_id"),
)

upload_rows = Table(
    "upload_rows",
    metadata,
    Column("upload_id", Id, ForeignKey("uploads.id"), primary_key=True),
    Column("state", String(16), primary_key=True, comment="accepted|held|excluded|duplicate"),
    Column("code", String(60), primary_key=True),
    Column("rows", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

shops = Table(
    "shops",
    metadata,
    # The long part of an order's identity stands here once: the index over all orders, which
    # every claim probes, holds a small number instead of three texts.
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("exporter", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("shop", Text, nullable=False),
    # A shop has several rows, one a volume (``volumes``).
    Column("volume", Integer, nullable=False, comment="from 1; the last one takes new orders"),
    Column("orders", BigInteger, nullable=False, comment="that stand in the volume"),
    UniqueConstraint("exporter", "channel", "shop", "volume"),
)

order_filters = Table(
    "order_filters",
    metadata,
    Column("shop_id", Id, ForeignKey("shops.id"), primary_key=True, autoincrement=False),
    Column("bits", LargeBinary, nullable=False, comment="Bloom filter of a closed volume's orders"),
)

WHOLE_FILE = "block of the file that holds its lines; null: anywhere in the file"

orders = Table(
    "orders",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("shop_id", Id, ForeignKey("shops.id"), nullable=False),
    Column("order_no", Text, nullable=False),
    Column("upload_id", Id, ForeignKey("uploads.id"), nullable=False),
    Column("digest", Text, nullable=False),
    Column("status_digest", Text, nullable=False),
    Column("ordered_at", Text, comment="UTC instant or day; null where it was not readable"),
    Column("cancelled", Boolean, nullable=False),
    Column("proposed_cancellation", Boolean, nullable=False),
    Column("state", String(16), nullable=False, comment="held | accepted | declared | excluded"),
    Column("route", String(16)),
    Column("codes", Text, nullable=False, comment="comma-joined codes that hold or exclude it"),
    Column("check_id", BigInteger),
    Column("business_date", Day, comment="the day it was accepted, held or cured"),
    Column("block", Integer, comment=WHOLE_FILE),
    # Not by the state itself: each change between the two would write the index anew. The column
    # stands in the index too, so that it is all that counting what is open reads.
    Column(
        "open", Boolean, nullable=False, server_default=text("false"), comment="held | accepted"
    ),
    # Its appearance in the file that made it, until it comes again: see ``entry_tables``.
    Column("rows", BigInteger, comment="null: told by order_entries"),
    Column("lines", BigInteger),
    Column("first_row", BigInteger),
    UniqueConstraint("shop_id", "order_no"),
    Index(
        "ix_orders_open",
        "upload_id",
        "block",
        "open",
        sqlite_where=text("open"),
        postgresql_where=text("open"),
    ),
)

checks = Table(
    "checks",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("exporter", Text, primary_key=True),
    Column("inputs", Text, nullable=False, comment="version of what orders were checked against"),
    sqlite_with_rowid=False,
)

waybills = Table(
    "waybills",
    metadata,
    Column("order_id", Id, ForeignKey("orders.id"), primary_key=True, autoincrement=False),
    Column("logistics_code", Text, nullable=False),
    Column("logistics_no", Text, nullable=False),
    Column("export_date", Day, nullable=False),
    # One holder a number at a time: 0 while the order holds it, afterwards the order's own
    # number, so that what held it before can still be found under the same key.
    Column("released", BigInteger, nullable=False),
    UniqueConstraint("logistics_code", "logistics_no", "released"),
)

cutoffs = Table(
    "cutoffs",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("business_date", Day, nullable=False),
    Column("taken_at", Instant, nullable=False),
)

manifests = Table(
    "manifests",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("number", String(30), nullable=False),
    Column("kind", String(16), nullable=False, comment="lists | declarations"),
    Column("cutoff_id", Id, ForeignKey("cutoffs.id"), nullable=False),
    Column("business_date", Day, nullable=False),
    Column("exporter", Text, nullable=False),
    Column("customs_code", String(8), nullable=False),
    Column("batch", CanonicalJson, nullable=False),
    Column("lists", BigInteger, nullable=False),
    Column("app_time", Instant, nullable=False),
    Column("state", String(16), nullable=False, comment="reserved | published"),
    Column("sha256", String(64)),
    Column("folder", Text),
    UniqueConstraint("number"),
    Index(None, "state"),
    Index(None, "business_date"),
)

PENDING = "state = 'pending'"
FOLLOWED = "next_app_type IS NOT NULL"
ENDED = "state IN ('refused', 'cancelled')"
PAST = "NOT live"

lists = Table(
    "lists",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("order_id", Id, ForeignKey("orders.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("cop_no", String(30), nullable=False),
    Column(
        "state",
        String(16),
        nullable=False,
        comment="pending | issued | void | refused | amended | cancelled",
    ),
    Column("route", String(16), nullable=False),
    Column("check_id", BigInteger, nullable=False),
    Column("manifest_id", Id, ForeignKey("manifests.id")),
    Column("app_type", String(1), nullable=False),
    Column("order_app_type", String(1), comment="of its order's message; null: as app_type"),
    Column(
        "next_app_type",
        String(1),
        comment="the order's next list is its next version and goes as this; null: a new copNo",
    ),
    UniqueConstraint("cop_no", "version"),
    Index(
        "ix_lists_one_live",
        "order_id",
        unique=True,
        sqlite_where=text("live"),
        postgresql_where=text("live"),
    ),
    Index(
        "ix_lists_followed",
        "order_id",
        unique=True,
        sqlite_where=text(FOLLOWED),
        postgresql_where=text(FOLLOWED),
    ),
    Index("ix_lists_past", "order_id", sqlite_where=text(PAST), postgresql_where=text(PAST)),
    Index("ix_lists_ended", "order_id", sqlite_where=text(ENDED), postgresql_where=text(ENDED)),
    Index("ix_lists_pending", "id", sqlite_where=text(PENDING), postgresql_where=text(PENDING)),
    Index(
        None,
        "manifest_id",
        sqlite_where=text("manifest_id IS NOT NULL"),
        postgresql_where=text("manifest_id IS NOT NULL"),
    ),
)

MOVEMENT_COLUMNS = (
    "movement_id",
    "moved_at",
    "warehouse",
    "sku",
    "disposition",
    "movement_type",
    "qty",
    "reference",
    "inbound_id",
    "reason",
    "currency",
    "unit_price",
)
"""Canonical columns of a warehouse movement, as text (quantities are plain decimal text)."""

movements = Table(
    "movements",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("exporter", Text, nullable=False),
    *(
        Column(name, Text, nullable=name not in ("movement_id", "warehouse"))
        for name in MOVEMENT_COLUMNS
    ),
    Column("upload_id", Id, ForeignKey("uploads.id"), nullable=False),
    Column("sheet", Text),
    Column("row", BigInteger),
    UniqueConstraint("exporter", "warehouse", "movement_id"),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("subject", Text, nullable=False),
    Column("payload", CanonicalJson, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)
