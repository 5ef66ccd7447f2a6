"""Tables of what goes to customs and what it answers (报文往来), beside those of ``tables``.

A *message* (报文) is a file of up to 100 entities; a *filing* (申报单证) is one of these entities:
an order, a waybill, a clearance list, a cancellation, in one version. A *receipt* (回执) is what
customs answers to a filing; its *receipt file* is kept as it came.
"""

from sqlalchemy import (
    BigInteger,
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

import xborder.registry.answer_tables as answer_tables
import xborder.registry.consolidation_tables as consolidation_tables  # its tables are read with these
import xborder.registry.document_tables as document_tables
import xborder.registry.entry_tables as entry_tables
from xborder.registry.tables import Id, Instant, metadata

__all__ = [
    "answer_tables", "consolidation_tables", "document_tables", "entry_tables", "filings", "messages",
    "metadata", "receipt_files", "receipts",
]  # fmt: skip

UNSENT = "state IN ('queued', 'sending')"

messages = Table(
    "messages",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("guid", String(36), nullable=False, comment="of its root element"),
    Column("kind", String(3), nullable=False, comment="303, 505, 603 ..."),
    Column("exporter", Text, nullable=False),
    Column("manifest_id", Id, ForeignKey("manifests.id"), comment="null: of no manifest"),
    Column("path", Text, nullable=False, comment="where its unsigned bytes lie in the store"),
    Column("sha256", String(64), nullable=False),
    Column("entities", Integer, nullable=False),
    Column("state", String(16), nullable=False, comment="queued | sending | sent | failed"),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", Instant, comment="not before"),
    Column("sent_at", Instant),
    Column("transport", String(16), comment="outbox | http"),
    Column("reference", Text, comment="the gateway's name for it, or the outbox file"),
    Column("code", Text, comment="finding of the last attempt that failed"),
    Column("after_receipt", Id, comment="newest receipt when its documents were carried over"),
    UniqueConstraint("guid"),
    Index("ix_messages_unsent", "id", sqlite_where=text(UNSENT), postgresql_where=text(UNSENT)),
    Index(None, "manifest_id"),
)

REFUSED = "kind = '701' AND (status = '100' OR substr(status, 1, 1) = '-')"
"""Messages of applications for consolidation that customs refuses."""

filings = Table(
    "filings",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("kind", String(3), nullable=False, comment="of its message: 303, 505, 603 ..."),
    Column("exporter", Text, nullable=False),
    Column("key", Text, nullable=False, comment="what customs names it by in its answers"),
    Column("version", Integer, nullable=False),
    Column("app_type", String(1), nullable=False),
    Column("app_time", Instant, nullable=False),
    Column("list_id", Id, ForeignKey("lists.id"), comment="the list it is about; null: several"),
    Column("message_id", Id, ForeignKey("messages.id"), comment="null: not written yet"),
    Column("status", String(8), comment="customs' code that stands; null: no answer yet"),
    Column("status_at", Instant, comment="its returnTime"),
    Column("pre_no", Text, comment="the e-port's number"),
    Column("customs_no", Text, comment="customs' number: invtNo of a list"),
    Column("told_at", Instant, comment="its latest answer's; null: look at all of them"),
    UniqueConstraint("kind", "exporter", "key", "version"),
    Index(None, "kind", "key"),
    Index(None, "list_id"),
    Index(None, "message_id"),
    Index(None, "customs_no"),
    Index(
        "ix_filings_refused",
        "kind",
        "key",
        "status",
        sqlite_where=text(REFUSED),
        postgresql_where=text(REFUSED),
    ),
)

receipt_files = Table(
    "receipt_files",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("sha256", String(64), nullable=False),
    Column("file_name", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("exporter", Text, nullable=False, comment="whose inbox it lay in; empty: all"),
    Column("size", BigInteger, nullable=False),
    Column("path", Text, nullable=False),
    Column("state", String(16), nullable=False, comment="read | quarantined"),
    Column("code", Text, comment="why it is in quarantine"),
    Column("entities", BigInteger, comment="answers in it; null: not read"),
    UniqueConstraint("exporter", "sha256"),
)

UNMATCHED = "filing_id IS NULL"

receipts = Table(
    "receipts",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("file_id", Id, ForeignKey("receipt_files.id"), nullable=False),
    Column("entity", Integer, nullable=False, comment="its place in the file, from 1"),
    Column("kind", String(3), nullable=False, comment="304, 604 ..."),
    Column("key", Text, nullable=False, comment="as filings.key"),
    Column("filing_id", Id, ForeignKey("filings.id"), comment="null: waits for its document"),
    Column("status", String(16), nullable=False),
    Column("returned_at", Instant, comment="null: no time that can be read"),
    Column("info", Text, nullable=False),
    Column("pre_no", Text),
    Column("customs_no", Text),
    Column("code", Text, comment="finding: unknown code, time in the future ..."),
    Column("guid", Text, comment="the document's or the e-port's own"),
    Column("ebc_code", Text, comment="the consignor that it names"),
    Column("digest", String(64), nullable=False, comment="of what it says; repeats are one"),
    UniqueConstraint("digest"),
    Index(None, "filing_id"),
    Index(
        "ix_receipts_unmatched",
        "key",
        sqlite_where=text(UNMATCHED),
        postgresql_where=text(UNMATCHED),
    ),
)
