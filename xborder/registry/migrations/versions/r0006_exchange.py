"""Messages to customs, the documents in them, and customs' answers."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UNSENT = sa.text("state IN ('queued', 'sending')")
UNMATCHED = sa.text("filing_id IS NULL")


def upgrade() -> None:
    """Forward."""
    _messages()
    _filings()
    _receipts()


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("guid", sa.String(36), nullable=False, comment="of its root element"),
        sa.Column("kind", sa.String(3), nullable=False, comment="303, 505, 603 ..."),
        sa.Column("exporter", sa.Text(), nullable=False),
        sa.Column("manifest_id", ID, nullable=True, comment="null: of no manifest"),
        sa.Column(
            "path", sa.Text(), nullable=False, comment="where its unsigned bytes lie in the store"
        ),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("entities", sa.Integer(), nullable=False),
        sa.Column(
            "state", sa.String(16), nullable=False, comment="queued | sending | sent | failed"
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.String(32), nullable=True, comment="not before"),
        sa.Column("sent_at", sa.String(32), nullable=True),
        sa.Column("transport", sa.String(16), nullable=True, comment="outbox | http"),
        sa.Column(
            "reference",
            sa.Text(),
            nullable=True,
            comment="the gateway's name for it, or the outbox file",
        ),
        sa.Column(
            "code", sa.Text(), nullable=True, comment="finding of the last attempt that failed"
        ),
        sa.ForeignKeyConstraint(
            ["manifest_id"], ["manifests.id"], name=op.f("fk_messages_manifest_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("guid", name=op.f("uq_messages_guid")),
    )
    op.create_index(
        "ix_messages_unsent", "messages", ["id"], sqlite_where=UNSENT, postgresql_where=UNSENT
    )
    op.create_index(op.f("ix_messages_manifest_id"), "messages", ["manifest_id"])


def _filings() -> None:
    op.create_table(
        "filings",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column(
            "kind", sa.String(3), nullable=False, comment="of its message: 303, 505, 603 ..."
        ),
        sa.Column("exporter", sa.Text(), nullable=False),
        sa.Column(
            "key", sa.Text(), nullable=False, comment="what customs names it by in its answers"
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("app_type", sa.String(1), nullable=False),
        sa.Column("app_time", sa.String(32), nullable=False),
        sa.Column("list_id", ID, nullable=True, comment="the list it is about; null: several"),
        sa.Column("message_id", ID, nullable=True, comment="null: not written yet"),
        sa.Column(
            "status",
            sa.String(8),
            nullable=True,
            comment="customs' code that stands; null: no answer yet",
        ),
        sa.Column("status_at", sa.String(32), nullable=True, comment="its returnTime"),
        sa.Column("pre_no", sa.Text(), nullable=True, comment="the e-port's number"),
        sa.Column(
            "customs_no", sa.Text(), nullable=True, comment="customs' number: invtNo of a list"
        ),
        sa.ForeignKeyConstraint(["list_id"], ["lists.id"], name=op.f("fk_filings_list_id")),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_filings_message_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_filings")),
        sa.UniqueConstraint(
            "kind",
            "exporter",
            "key",
            "version",
            name=op.f("uq_filings_kind_exporter_key_version"),
        ),
    )
    op.create_index(op.f("ix_filings_kind_key"), "filings", ["kind", "key"])
    for column in ("list_id", "message_id", "customs_no"):
        op.create_index(op.f(f"ix_filings_{column}"), "filings", [column])


def _receipts() -> None:
    op.create_table(
        "receipt_files",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("received_at", sa.String(32), nullable=False),
        sa.Column(
            "exporter", sa.Text(), nullable=False, comment="whose inbox it lay in; empty: all"
        ),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False, comment="read | quarantined"),
        sa.Column("code", sa.Text(), nullable=True, comment="why it is in quarantine"),
        sa.Column(
            "entities", sa.BigInteger(), nullable=True, comment="answers in it; null: not read"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt_files")),
        sa.UniqueConstraint("exporter", "sha256", name=op.f("uq_receipt_files_exporter_sha256")),
    )
    op.create_table(
        "receipts",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("file_id", ID, nullable=False),
        sa.Column("entity", sa.Integer(), nullable=False, comment="its place in the file, from 1"),
        sa.Column("kind", sa.String(3), nullable=False, comment="304, 604 ..."),
        sa.Column("key", sa.Text(), nullable=False, comment="as filings.key"),
        sa.Column("filing_id", ID, nullable=True, comment="null: waits for its document"),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column(
            "returned_at", sa.String(32), nullable=True, comment="null: no time that can be read"
        ),
        sa.Column("info", sa.Text(), nullable=False),
        sa.Column("pre_no", sa.Text(), nullable=True),
        sa.Column("customs_no", sa.Text(), nullable=True),
        sa.Column(
            "code",
            sa.Text(),
            nullable=True,
            comment="finding: unknown code, time in the future ...",
        ),
        sa.Column(
            "digest", sa.String(64), nullable=False, comment="of what it says; repeats are one"
        ),
        sa.ForeignKeyConstraint(
            ["file_id"], ["receipt_files.id"], name=op.f("fk_receipts_file_id")
        ),
        sa.ForeignKeyConstraint(["filing_id"], ["filings.id"], name=op.f("fk_receipts_filing_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
        sa.UniqueConstraint("digest", name=op.f("uq_receipts_digest")),
    )
    op.create_index(op.f("ix_receipts_filing_id"), "receipts", ["filing_id"])
    op.create_index(
        "ix_receipts_unmatched",
        "receipts",
        ["key"],
        sqlite_where=UNMATCHED,
        postgresql_where=UNMATCHED,
    )
