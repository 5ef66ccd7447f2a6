"""Declarations that customs made of consolidated lists (汇总结果, CEB792), line by line.

It is the only official link from an order to a declaration (R21). A result that comes again
changes nothing; a newer one of the same declaration replaces the older, in whatever order they
come. One that contradicts its application, or names another exporter's list, is not taken.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from sqlalchemy import Connection, Row, delete, select, update

from xborder.registry import audit, counters
from xborder.registry.consolidation_tables import (
    consolidations,
    declaration_lines,
    summary_results,
)
from xborder.registry.staging import fetch, insert, run, stage
from xborder.registry.tables import canonical_json

CONTRADICTS = "CONSOLIDATION_CONTRADICTS"
OTHER_EXPORTER = "CONSOLIDATION_OTHER_EXPORTER"
UNKNOWN = "RECEIPT_UNKNOWN_DOCUMENT"
"""Why a result is not taken. An unknown one waits: its application may yet be read."""

LINES = {
    "place": pl.Int64,
    "invt_no": pl.String,
    "logistics_no": pl.String,
    "gseqno": pl.Int64,
    "gnum": pl.Int64,
    "gcode": pl.String,
}

_SAME = ("customsCode", "agentCode", "ebcCode", "declAgentCode")
_WHOLE = re.compile("[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True)
class Result:
    """One entity of a CEB792: its head by element, its lines (``LINES``), and a digest of all."""

    head: Mapping[str, str]
    lines: pl.DataFrame
    digest: str


@dataclass(frozen=True)
class Taken:
    """What became of a result: ``code`` when it was not taken, and then ``field``, ``value`` and
    ``expected`` of the contradiction; ``changed`` when rows were written."""

    consolidation_id: int | None = None
    changed: bool = False
    code: str = ""
    field: str = ""
    value: str = ""
    expected: str = ""


def result(entity: Mapping[str, Any]) -> Result | Taken:
    """A CEB792 entity as the reader gives it, its lines under ``SummaryResultList``.

    A missing or empty ``gseqno`` is null (results of before 2022); ``Taken`` with its code for
    a number that is none.
    """
    head = _texts(entity)
    wrong = _no_number(head, "msgSeqNo", "msgCount")
    rows = []
    listed = entity.get("SummaryResultList")
    for place, line in enumerate(listed if isinstance(listed, list) else [], start=1):
        said = _texts(line)
        # A line number may be missing, a list's item number may not.
        wrong = wrong or _no_number(said | {"gnum": said.get("gnum", "") or "-"}, "gnum", "gseqno")
        if wrong:
            break
        rows.append(
            (place, said.get("invtNo", ""), said.get("logisticsNo", ""),
             int(said["gseqno"]) if said.get("gseqno") else None, int(said["gnum"]),
             said.get("gcode", ""))
        )  # fmt: skip
    if wrong:
        return wrong
    lines = pl.DataFrame(rows, schema=LINES, orient="row")
    # Its guid is the e-port's own, and may differ in a repeat.
    told = canonical_json([{**head, "guid": ""}, [list(row) for row in rows]])
    return Result(head, lines, hashlib.sha256(told.encode()).hexdigest())


def _texts(entity: Mapping[str, Any]) -> dict[str, str]:
    return {name: value.strip() for name, value in entity.items() if isinstance(value, str)}


def _no_number(said: Mapping[str, str], *names: str) -> Taken | None:
    """Which of some elements that stand is no whole number, as a contradiction."""
    for name in names:
        text = said.get(name, "")
        if text and not _WHOLE.fullmatch(text):
            return Taken(code=CONTRADICTS, field=name, value=text[:60], expected="1, 2, 3 …")
    return None


def take(c: Connection, told: Result, exporter: str = "", file_id: int | None = None) -> Taken:
    """Store a result of an application of ``exporter`` (empty: of whomever it names).

    Within the caller's transaction. Sets nothing when it returns a ``code``.
    """
    row = _application(c, told, exporter)
    if row is None:
        return Taken(code=UNKNOWN, field="sumNo", value=told.head.get("sumNo", ""))
    for name in _SAME:
        said, expected = told.head.get(name, ""), str(row.head.get(name) or "")
        if said and said != expected:
            return Taken(row.id, code=CONTRADICTS, field=name, value=said, expected=expected)
    stage(c, "told_lines", told.lines)
    try:
        wrong = _wrong_lists(c, row)
        if wrong is not None:
            return wrong
        return _store(c, row, told, file_id)
    finally:
        run(c, "DROP TABLE told_lines")


def _application(c: Connection, told: Result, exporter: str) -> Row[Any] | None:
    """The application by customs' number of it, or else by the lists that the result names."""
    found = run(
        c,
        """
        SELECT k.id FROM filings f JOIN consolidations k
          ON k.exporter = f.exporter AND f.key LIKE k.cop_no || '/%'
        WHERE f.kind = '701' AND f.customs_no = :sum_no
          AND (:exporter = '' OR f.exporter = :exporter)
        ORDER BY k.id DESC LIMIT 1
        """,
        sum_no=told.head.get("sumNo", ""),
        exporter=exporter,
    ).scalar()
    if found is None:
        named = told.lines["invt_no"].unique(maintain_order=True).head(50).to_list()
        for invt_no in named:
            found = run(
                c,
                """
                SELECT n.consolidation_id FROM consolidation_lists n
                JOIN consolidations k ON k.id = n.consolidation_id
                WHERE n.invt_no = :invt_no AND (:exporter = '' OR k.exporter = :exporter)
                ORDER BY CASE WHEN n.live THEN 0 ELSE 1 END, n.consolidation_id DESC LIMIT 1
                """,
                invt_no=invt_no,
                exporter=exporter,
            ).scalar()
            if found is not None:
                break
    if found is None:
        return None
    return c.execute(select(consolidations).where(consolidations.c.id == found)).one()


def _wrong_lists(c: Connection, row: Row[Any]) -> Taken | None:
    """A list of another exporter, or one that another live application names."""
    other = run(
        c,
        """
        SELECT min(t.invt_no) FROM told_lines t
        JOIN filings f ON f.kind = '603' AND f.customs_no = t.invt_no
        WHERE f.exporter <> :exporter
        """,
        exporter=row.exporter,
    ).scalar()
    if other is not None:
        return Taken(row.id, code=OTHER_EXPORTER, field="invtNo", value=str(other))
    told = run(
        c,
        """
        SELECT n.invt_no, k.cop_no FROM told_lines t
        JOIN consolidation_lists n ON n.invt_no = t.invt_no AND n.live
        JOIN consolidations k ON k.id = n.consolidation_id
        WHERE k.id <> :id ORDER BY n.invt_no LIMIT 1
        """,
        id=row.id,
    ).first()
    if told is not None:
        value = f"{told.invt_no} ({told.cop_no})"
        return Taken(row.id, code=CONTRADICTS, field="invtNo", value=value, expected=row.cop_no)
    return None


def _store(c: Connection, row: Row[Any], told: Result, file_id: int | None) -> Taken:
    head = told.head
    part, parts = (int(head.get(name) or 1) for name in ("msgSeqNo", "msgCount"))
    values = {
        "parts": parts,
        "sum_no": head.get("sumNo", ""),
        "entry_id": head.get("entryId") or None,
        "decl_state": head.get("decState", ""),
        "op_date": head.get("opDate", "")[:17],
        "customs_code": head.get("customsCode", ""),
        "gross_weight": head.get("grossWeight", ""),
        "net_weight": head.get("netWeight", ""),
        "file_id": file_id,
        "digest": told.digest,
    }
    where = (
        (summary_results.c.consolidation_id == row.id)
        & (summary_results.c.decl_seq_no == head.get("declSeqNo", ""))
        & (summary_results.c.part == part)
    )
    there = c.execute(select(summary_results).where(where)).one_or_none()
    if there is not None:
        # The newest stands; of one instant that with a declaration number, then by its digest:
        # whoever has the same results has the same rows, in whatever order they came.
        was = (there.op_date, there.entry_id is not None, there.digest)
        now = (values["op_date"], values["entry_id"] is not None, told.digest)
        if now <= was:
            return Taken(row.id)
        c.execute(delete(declaration_lines).where(declaration_lines.c.result_id == there.id))
        c.execute(update(summary_results).where(summary_results.c.id == there.id).values(values))
        number = int(there.id)
    else:
        number = counters.draw(c, "summary_result")
        of = {"id": number, "consolidation_id": row.id, "part": part,
              "decl_seq_no": head.get("declSeqNo", "")}  # fmt: skip
        c.execute(summary_results.insert().values(of | values))
    listed = fetch(
        c,
        """
        SELECT t.place, n.list_id, t.invt_no, t.logistics_no, t.gseqno, t.gnum, t.gcode
        FROM told_lines t LEFT JOIN consolidation_lists n
          ON n.consolidation_id = :id AND n.invt_no = t.invt_no
        ORDER BY t.place
        """,
        {"place": pl.Int64, "list_id": pl.Int64} | {n: t for n, t in LINES.items() if n != "place"},
        id=row.id,
    )
    insert(c, "declaration_lines", listed, result_id=number)
    said = {"application": row.cop_no, "entry": values["entry_id"], "lines": listed.height}
    audit.append(c, "declaration told", head.get("declSeqNo", ""), said)
    return Taken(row.id, changed=True)


DECLARED = {
    "consolidation_id": pl.Int64,
    "cop_no": pl.String,
    "exporter": pl.String,
    "decl_seq_no": pl.String,
    "sum_no": pl.String,
    "entry_id": pl.String,
    "decl_state": pl.String,
    "op_date": pl.String,
    "part": pl.Int64,
    "parts": pl.Int64,
    "lines": pl.Int64,
    "items": pl.Int64,
    "lists": pl.Int64,
    "gross_weight": pl.String,
    "net_weight": pl.String,
}


def of_applications(c: Connection, ids: Sequence[int]) -> pl.DataFrame:
    """The declarations of applications: ``DECLARED``, by application and number.

    ``lines`` are null where customs told no line numbers; ``items`` are lines of lists.
    """
    stage(c, "asked", pl.DataFrame({"id": list(ids)}, schema={"id": pl.Int64}))
    found = fetch(
        c,
        """
        SELECT k.id, k.cop_no, k.exporter, r.decl_seq_no, r.sum_no, r.entry_id, r.decl_state,
               r.op_date, r.part, r.parts, nullif(count(DISTINCT d.gseqno), 0), count(d.place),
               count(DISTINCT d.invt_no), r.gross_weight, r.net_weight
        FROM asked a JOIN consolidations k ON k.id = a.id
        JOIN summary_results r ON r.consolidation_id = k.id
        LEFT JOIN declaration_lines d ON d.result_id = r.id
        GROUP BY k.id, k.cop_no, k.exporter, r.id, r.decl_seq_no, r.sum_no, r.entry_id,
                 r.decl_state, r.op_date, r.part, r.parts, r.gross_weight, r.net_weight
        ORDER BY k.id, r.decl_seq_no, r.part
        """,
        DECLARED,
    )
    run(c, "DROP TABLE asked")
    return found


TOLD = {
    "list_id": pl.Int64,
    "invt_no": pl.String,
    "logistics_no": pl.String,
    "gnum": pl.Int64,
    "gcode": pl.String,
    "gseqno": pl.Int64,
    "decl_seq_no": pl.String,
    "entry_id": pl.String,
}

_COLUMNS = """d.list_id, d.invt_no, d.logistics_no, d.gnum, d.gcode, d.gseqno, r.decl_seq_no,
               r.entry_id"""


def lines_of(c: Connection, consolidation_id: int) -> pl.DataFrame:
    """All lines that customs told of an application: ``TOLD``."""
    return fetch(
        c,
        f"""
        SELECT {_COLUMNS}
        FROM summary_results r JOIN declaration_lines d ON d.result_id = r.id
        WHERE r.consolidation_id = :id ORDER BY r.decl_seq_no, r.part, d.place
        """,  # noqa: S608
        TOLD,
        id=consolidation_id,
    )


def of_lists(c: Connection, list_ids: Sequence[int]) -> pl.DataFrame:
    """The declaration lines of some lists: ``TOLD``."""
    stage(c, "asked", pl.DataFrame({"id": list(list_ids)}, schema={"id": pl.Int64}))
    found = fetch(
        c,
        f"""
        SELECT {_COLUMNS}
        FROM asked a JOIN declaration_lines d ON d.list_id = a.id
        JOIN summary_results r ON r.id = d.result_id
        ORDER BY d.list_id, d.gnum, r.decl_seq_no
        """,  # noqa: S608
        TOLD,
    )
    run(c, "DROP TABLE asked")
    return found
