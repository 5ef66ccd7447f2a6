"""Tables of single documents (单证) to customs, beside those of ``exchange_tables``.

What follows a list through its life: the *bill* (提运单) that it travels under, told by a master
waybill sheet (607), an arrival (507) and a departure (509); its cancellation (605); its return
(213, 215). A *document* holds all that its messages say, so that they are written from rows.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from xborder.registry.tables import CanonicalJson, Id, Instant, metadata

bills = Table(
    "bills",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("exporter", Text, nullable=False),
    Column("customs_code", String(4), nullable=False),
    Column("bill_no", String(37), nullable=False),
    Column("lists", BigInteger, nullable=False),
    Column("state", String(16), nullable=False, comment="open | cancelled"),
    Index(None, "exporter", "bill_no"),
)

LIVE = "live"

bill_lists = Table(
    "bill_lists",
    metadata,
    Column("bill_id", Id, ForeignKey("bills.id"), primary_key=True),
    Column("list_id", Id, ForeignKey("lists.id"), primary_key=True),
    Column("logistics_no", String(32), nullable=False),
    Column("package_no", String(37), comment="totalPackageNo"),
    Column("live", Boolean, nullable=False, comment="false: the bill was cancelled"),
    Index(
        "ix_bill_lists_one_live",
        "list_id",
        unique=True,
        sqlite_where=text(LIVE),
        postgresql_where=text(LIVE),
    ),
    sqlite_with_rowid=False,
)

documents = Table(
    "documents",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("kind", String(3), nullable=False, comment="213, 215, 507, 509, 605, 607"),
    Column("exporter", Text, nullable=False),
    Column("cop_no", String(30), nullable=False),
    Column("app_type", String(1), nullable=False),
    Column("app_time", Instant, nullable=False),
    Column("head", CanonicalJson, nullable=False, comment="all that it says besides its lines"),
    Column("parts", Integer, nullable=False, comment="msgCount: messages that it goes in"),
    Column("bill_id", Id, ForeignKey("bills.id"), comment="of 507, 509, 607"),
    Column("list_id", Id, ForeignKey("lists.id"), comment="of 213, 215, 605"),
    UniqueConstraint("kind", "cop_no", "app_type"),
    Index(None, "bill_id"),
    Index(None, "list_id"),
)

return_items = Table(
    "return_items",
    metadata,
    Column("document_id", Id, ForeignKey("documents.id"), primary_key=True),
    Column("gnum", Integer, primary_key=True, autoincrement=False, comment="as in the list"),
    Column("qty", Text, nullable=False, comment="plain decimal, in the list's unit"),
    Column("item", CanonicalJson, nullable=False, comment="all that the 213 says of it"),
    sqlite_with_rowid=False,
)

ignored_changes = Table(
    "ignored_changes",
    metadata,
    Column("order_id", Id, ForeignKey("orders.id"), primary_key=True, autoincrement=False),
    Column("digest", Text, primary_key=True, comment="of the content that came after the issue"),
    sqlite_with_rowid=False,
)
