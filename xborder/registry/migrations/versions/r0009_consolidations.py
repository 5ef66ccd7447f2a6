"""Consolidated declarations: applications, the lists in them, and what customs made of them."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LIVE = sa.text("live")


def upgrade() -> None:
    """Forward."""
    _applications()
    _results()


def _applications() -> None:
    op.create_table(
        "consolidations",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("exporter", sa.Text(), nullable=False),
        sa.Column(
            "month", sa.String(7), nullable=False, comment="YYYY-MM in which its lists were cleared"
        ),
        sa.Column("cop_no", sa.String(30), nullable=False, comment="copNo of its 701"),
        sa.Column("head", sa.Text(), nullable=False, comment="all that its 701 says besides lists"),
        sa.Column("lists", sa.BigInteger(), nullable=False),
        sa.Column(
            "parts", sa.Integer(), nullable=False, comment="msgCount: messages that carry its lists"
        ),
        sa.Column("app_time", sa.String(32), nullable=False),
        sa.Column(
            "folder", sa.Text(), nullable=False, comment="its rehearsal and messages in the store"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consolidations")),
        sa.UniqueConstraint("cop_no", name=op.f("uq_consolidations_cop_no")),
    )
    op.create_index(
        op.f("ix_consolidations_exporter_month"), "consolidations", ["exporter", "month"]
    )
    op.create_table(
        "consolidation_lists",
        sa.Column("consolidation_id", ID, nullable=False),
        sa.Column("list_id", ID, nullable=False),
        sa.Column(
            "part", sa.Integer(), nullable=False, comment="msgSeqNo of the message that names it"
        ),
        sa.Column("invt_no", sa.Text(), nullable=False, comment="customs' number of the list"),
        sa.Column(
            "live", sa.Boolean(), nullable=False, comment="false: customs refused that message"
        ),
        sa.ForeignKeyConstraint(
            ["consolidation_id"],
            ["consolidations.id"],
            name=op.f("fk_consolidation_lists_consolidation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["list_id"], ["lists.id"], name=op.f("fk_consolidation_lists_list_id")
        ),
        sa.PrimaryKeyConstraint("consolidation_id", "list_id", name=op.f("pk_consolidation_lists")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_consolidation_lists_one_live",
        "consolidation_lists",
        ["list_id"],
        unique=True,
        sqlite_where=LIVE,
        postgresql_where=LIVE,
    )
    op.create_index(op.f("ix_consolidation_lists_invt_no"), "consolidation_lists", ["invt_no"])


def _results() -> None:
    op.create_table(
        "summary_results",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("consolidation_id", ID, nullable=False),
        sa.Column(
            "decl_seq_no", sa.Text(), nullable=False, comment="customs' number: one a declaration"
        ),
        sa.Column("part", sa.Integer(), nullable=False, comment="msgSeqNo"),
        sa.Column("parts", sa.Integer(), nullable=False, comment="msgCount"),
        sa.Column("sum_no", sa.Text(), nullable=False, comment="customs' number of the 701"),
        sa.Column(
            "entry_id",
            sa.Text(),
            nullable=True,
            comment="number of the declaration; null: not drawn yet",
        ),
        sa.Column("decl_state", sa.Text(), nullable=False, comment="decState, as customs says it"),
        sa.Column("op_date", sa.String(17), nullable=False, comment="opDate; the newest stands"),
        sa.Column("customs_code", sa.String(4), nullable=False),
        sa.Column("gross_weight", sa.Text(), nullable=False, comment="kg"),
        sa.Column("net_weight", sa.Text(), nullable=False, comment="kg"),
        sa.Column("file_id", ID, nullable=True, comment="where it was read"),
        sa.Column(
            "digest", sa.String(64), nullable=False, comment="of all that it says; repeats are one"
        ),
        sa.ForeignKeyConstraint(
            ["consolidation_id"],
            ["consolidations.id"],
            name=op.f("fk_summary_results_consolidation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["file_id"], ["receipt_files.id"], name=op.f("fk_summary_results_file_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_summary_results")),
        sa.UniqueConstraint(
            "consolidation_id",
            "decl_seq_no",
            "part",
            name=op.f("uq_summary_results_consolidation_id_decl_seq_no_part"),
        ),
    )
    op.create_index(op.f("ix_summary_results_entry_id"), "summary_results", ["entry_id"])
    op.create_table(
        "declaration_lines",
        sa.Column("result_id", ID, nullable=False),
        sa.Column(
            "place",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="in the 792, from 1",
        ),
        sa.Column("list_id", ID, nullable=True, comment="null: no list of the 701"),
        sa.Column("invt_no", sa.Text(), nullable=False),
        sa.Column("logistics_no", sa.Text(), nullable=False),
        sa.Column(
            "gseqno",
            sa.Integer(),
            nullable=True,
            comment="line of the declaration; null: an old 792 lacks it",
        ),
        sa.Column("gnum", sa.Integer(), nullable=False, comment="goods line of the list"),
        sa.Column("gcode", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["result_id"], ["summary_results.id"], name=op.f("fk_declaration_lines_result_id")
        ),
        sa.ForeignKeyConstraint(
            ["list_id"], ["lists.id"], name=op.f("fk_declaration_lines_list_id")
        ),
        sa.PrimaryKeyConstraint("result_id", "place", name=op.f("pk_declaration_lines")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_declaration_lines_list_id"), "declaration_lines", ["list_id"])
