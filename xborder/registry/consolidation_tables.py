"""Tables of consolidated declarations (汇总申报), beside those of ``exchange_tables``.

A *consolidation* (汇总申请, CEB701) names the cleared lists of a month that customs shall merge;
its messages and answers stand in ``messages``, ``filings`` (kind 701) and ``receipts``. A
*summary result* (汇总结果单, CEB792) is what customs made of them: one declaration (报关单), or a
piece of one, and its *declaration lines* say which goods line of which list went where.
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

consolidations = Table(
    "consolidations",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("exporter", Text, nullable=False),
    Column("month", String(7), nullable=False, comment="YYYY-MM in which its lists were cleared"),
    Column("cop_no", String(30), nullable=False, comment="copNo of its 701"),
    Column("head", CanonicalJson, nullable=False, comment="all that its 701 says besides lists"),
    Column("lists", BigInteger, nullable=False),
    Column("parts", Integer, nullable=False, comment="msgCount: messages that carry its lists"),
    Column("app_time", Instant, nullable=False),
    Column("folder", Text, nullable=False, comment="its rehearsal and messages in the store"),
    UniqueConstraint("cop_no"),
    Index(None, "exporter", "month"),
)

LIVE, PAST = "live", "NOT live"

consolidation_lists = Table(
    "consolidation_lists",
    metadata,
    Column("consolidation_id", Id, ForeignKey("consolidations.id"), primary_key=True),
    Column("list_id", Id, ForeignKey("lists.id"), primary_key=True),
    Column("part", Integer, nullable=False, comment="msgSeqNo of the message that names it"),
    Column("invt_no", Text, nullable=False, comment="customs' number of the list"),
    Column("live", Boolean, nullable=False, comment="false: customs refused that message"),
    Index(
        "ix_consolidation_lists_one_live",
        "list_id",
        unique=True,
        sqlite_where=text(LIVE),
        postgresql_where=text(LIVE),
    ),
    Index(
        "ix_consolidation_lists_past",
        "consolidation_id",
        sqlite_where=text(PAST),
        postgresql_where=text(PAST),
    ),
    Index(None, "invt_no"),
    sqlite_with_rowid=False,
)

summary_results = Table(
    "summary_results",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("consolidation_id", Id, ForeignKey("consolidations.id"), nullable=False),
    Column("decl_seq_no", Text, nullable=False, comment="customs' number: one a declaration"),
    Column("part", Integer, nullable=False, comment="msgSeqNo"),
    Column("parts", Integer, nullable=False, comment="msgCount"),
    Column("sum_no", Text, nullable=False, comment="customs' number of the 701"),
    Column("entry_id", Text, comment="number of the declaration; null: not drawn yet"),
    Column("decl_state", Text, nullable=False, comment="decState, as customs says it"),
    Column("op_date", String(17), nullable=False, comment="opDate; the newest stands"),
    Column("customs_code", String(4), nullable=False),
    Column("gross_weight", Text, nullable=False, comment="kg"),
    Column("net_weight", Text, nullable=False, comment="kg"),
    Column("file_id", Id, ForeignKey("receipt_files.id"), comment="where it was read"),
    Column("digest", String(64), nullable=False, comment="of all that it says; repeats are one"),
    UniqueConstraint("consolidation_id", "decl_seq_no", "part"),
    Index(None, "entry_id"),
)

declaration_lines = Table(
    "declaration_lines",
    metadata,
    Column("result_id", Id, ForeignKey("summary_results.id"), primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False, comment="in the 792, from 1"),
    Column("list_id", Id, ForeignKey("lists.id"), comment="null: no list of the 701"),
    Column("invt_no", Text, nullable=False),
    Column("logistics_no", Text, nullable=False),
    Column("gseqno", Integer, comment="line of the declaration; null: an old 792 lacks it"),
    Column("gnum", Integer, nullable=False, comment="goods line of the list"),
    Column("gcode", Text, nullable=False),
    Index(None, "list_id"),
    sqlite_with_rowid=False,
)
