"""Where orders stand in files (订单出现处): one appearance an order of a file.

Nearly every order comes once. So the appearance of a new order stands in the order's own row, and
``entered`` tells which numbers the orders of a file have. It moves to ``order_entries``, where all
later ones stand, when another file changes the order. Both are read as the view ``appearances``,
which is asked by the file alone, since any other question of it reads all there are.
"""

from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    event,
    text,
)

from xborder.registry.tables import WHOLE_FILE, Id, metadata

CHANGED = "outcome = 'changed_after_issue'"

order_entries = Table(
    "order_entries",
    metadata,
    Column("upload_id", Id, ForeignKey("uploads.id"), primary_key=True),
    Column("order_id", Id, ForeignKey("orders.id"), primary_key=True),
    Column("digest", Text, nullable=False),
    Column("previous_digest", Text, comment="the order's content before, where this one differs"),
    Column("rows", BigInteger, nullable=False),
    Column("lines", BigInteger, nullable=False),
    Column("first_row", BigInteger),
    Column("outcome", String(20), nullable=False),
    Column("block", Integer, comment=WHOLE_FILE),
    Index(
        "ix_order_entries_changed",
        "order_id",
        sqlite_where=text(CHANGED),
        postgresql_where=text(CHANGED),
    ),
    sqlite_with_rowid=False,
)

entered = Table(
    "entered",
    metadata,
    Column("upload_id", Id, ForeignKey("uploads.id"), primary_key=True),
    Column("first_id", Id, primary_key=True),
    Column("last_id", BigInteger, nullable=False, comment="of orders that the file made"),
    sqlite_with_rowid=False,
)

APPEARANCES = """
    CREATE VIEW appearances AS
    SELECT upload_id, order_id, digest, previous_digest, rows, lines, first_row, outcome, block
    FROM order_entries
    UNION ALL
    SELECT o.upload_id, o.id, o.digest, NULL, o.rows, o.lines, o.first_row, 'current', o.block
    FROM entered n JOIN orders o ON o.id BETWEEN n.first_id AND n.last_id
                                AND o.upload_id = n.upload_id
    WHERE o.rows IS NOT NULL
"""
event.listen(metadata, "after_create", DDL(APPEARANCES))
