"""The list of issues (问题清单) of one file: grouped by cause, then each at its place.

Plain data (it crosses a pipe to the annotating process); ``issue_sheet`` paints it.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import polars as pl

from xborder import findings

MOST_A_CAUSE = 1_000
MOST = 10_000
"""Findings listed one by one: a cause, and in all. Every cell is coloured all the same."""

VARIES = "…"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LAST_ROW = 1_048_576
CELL = re.compile(r"[A-Z]{1,2}[1-9][0-9]{0,6}", re.ASCII)
"""Intake reads 512 columns, so two letters suffice."""


@dataclass(frozen=True)
class Cause:
    """All findings of one code; a parameter in which they differ shows as ``…``."""

    code: str
    severity: str
    count: int
    listed: int
    column: str
    value: str
    expected: str
    message_zh: str
    message_en: str
    fix_zh: str
    fix_en: str


@dataclass(frozen=True)
class Issue:
    """One finding. ``link`` and ``also_link``: (sheet as in the finding, cell), or None."""

    code: str
    severity: str
    place: str
    link: tuple[str, str] | None
    column: str
    value: str
    expected: str
    order_no: str
    message_zh: str
    message_en: str
    fix_zh: str
    fix_en: str
    also_at: str
    also_link: tuple[str, str] | None


@dataclass(frozen=True)
class IssueList:
    """Causes by severity and count; issues in the causes' order, each by sheet, row, column.

    ``not_annotated`` says (zh, en) why only this list comes back, and is empty when the
    user's own sheets do; ``origin`` is the mark (``intake.copies``) by which the copy is known
    when it comes back with corrections.
    """

    file_name: str
    totals: dict[str, int]
    causes: list[Cause]
    issues: list[Issue]
    not_annotated: tuple[str, str] = ("", "")
    origin: str = ""


@dataclass(frozen=True)
class _Group:
    rows: list[dict[str, Any]]
    count: int


def issue_list(found: pl.DataFrame, file_name: str) -> IssueList:
    """The list for the file ``file_name`` from a table with the columns of ``FINDINGS``."""
    groups: dict[str, _Group] = {}
    room = MOST
    for code, count in _by_weight(found):
        own = _in_reading_order(found.filter(pl.col("code") == code))
        rows = own.head(min(MOST_A_CAUSE, max(room, 1))).to_dicts()
        groups[code] = _Group(rows, count)
        room -= len(rows)
    issues = [_issue(row, file_name) for group in groups.values() for row in group.rows]
    severities = found["severity"].to_list()
    return IssueList(
        file_name,
        {severity: severities.count(severity) for severity in findings.SEVERITIES},
        [_cause(code, group) for code, group in groups.items()],
        issues,
    )


def row_link(row: dict[str, Any]) -> tuple[str, str] | None:
    """Where a finding about this file is shown: its cell, else the first cell of its row."""
    cell = row["cell"] or (f"A{row['row']}" if row["row"] else "")
    if not CELL.fullmatch(cell) or int(cell.lstrip(LETTERS)) > LAST_ROW:
        return None
    return row["sheet"] or "", cell


def _by_weight(found: pl.DataFrame) -> Iterable[tuple[str, int]]:
    """Codes and their counts: the worst first, then the most frequent."""
    rank = {severity: place for place, severity in enumerate(findings.SEVERITIES)}
    return (
        found.group_by("code")
        .agg(pl.len().alias("count"), pl.col("severity").first())
        .with_columns(pl.col("severity").replace_strict(rank, return_dtype=pl.UInt8).alias("rank"))
        .sort("rank", "count", "code", descending=[False, True, False])
        .select("code", "count")
        .iter_rows()
    )


def _in_reading_order(own: pl.DataFrame) -> pl.DataFrame:
    """By file, sheet and row; in a row from left to right (A…Z before AA)."""
    letters = pl.col("cell").fill_null("").str.extract(r"^([A-Z]+)").fill_null("")
    return own.sort(
        pl.col("file").fill_null(""),
        pl.col("sheet").fill_null(""),
        pl.col("row"),
        letters.str.len_chars(),
        letters,
        maintain_order=True,
        nulls_last=True,
    )


def _texts(row: dict[str, Any]) -> dict[str, str]:
    texts = {key: "" if value is None else str(value) for key, value in row.items()}
    return texts | json.loads(texts.pop("params", "") or "{}")


def _cause(code: str, group: _Group) -> Cause:
    entry = findings.catalogue()[code]
    shared = _texts(group.rows[0])
    for row in group.rows[1:]:
        texts = _texts(row)
        for key in shared.keys() | texts.keys():
            if shared.get(key) != texts.get(key):
                shared[key] = VARIES
    zh, en = (findings.in_language(shared, code, language) for language in ("zh", "en"))
    said = (
        findings.render(text, texts)
        for text, texts in ((entry.zh, zh), (entry.en, en), (entry.fix_zh, zh), (entry.fix_en, en))
    )
    seen = (shared[key] for key in ("column", "value", "expected"))
    return Cause(code, entry.severity, group.count, len(group.rows), *seen, *said)


def _issue(row: dict[str, Any], file_name: str) -> Issue:
    told = findings.explain(row)
    said = {key: str(told[key]) for key in ("message_zh", "message_en", "fix_zh", "fix_en")}
    also_at = row["also_at"] or ""
    return Issue(
        code=row["code"],
        severity=row["severity"],
        place=_place(row, file_name),
        link=row_link(row) if row["file"] == file_name else None,
        column=row["column"] or "",
        value=row["value"] or "",
        expected=row["expected"] or "",
        order_no=row["order_no"] or "",
        also_at=also_at,
        also_link=_second_place(also_at, file_name),
        **said,
    )


def _place(row: dict[str, Any], file_name: str) -> str:
    at = row["cell"] or (f"第 {row['row']} 行 row {row['row']}" if row["row"] else "")
    if row["sheet"]:
        at = f"{row['sheet']}!{at}" if row["cell"] else f"{row['sheet']} {at}".strip()
    if row["file"] and row["file"] != file_name:
        return f"{row['file']} {at}".strip()
    return at or "整个文件 whole file"


def _second_place(also_at: str, file_name: str) -> tuple[str, str] | None:
    """A second place in this file, written ``file sheet R17`` (the sheet only in workbooks)."""
    place, _, row = also_at.rpartition(" R")
    if not (row.isascii() and row.isdigit()) or not (place + " ").startswith(file_name + " "):
        return None
    return place[len(file_name) + 1 :], f"A{row}"
