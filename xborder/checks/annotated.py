"""A user's own file back with its findings (批注): cells coloured and noted, a list in front."""

import dataclasses
import hashlib
import re
from pathlib import PurePath
from typing import Any

import polars as pl

from xborder import findings
from xborder.checks.annotated_workbook import Marks, TextSheet, text_workbook
from xborder.checks.annotator import Annotator
from xborder.checks.issue_list import issue_list, row_link
from xborder.checks.issue_sheet import NAMES, TITLE
from xborder.checks.text_rows import TooLargeError, text_rows
from xborder.intake import Reading
from xborder.intake.copies import Origin

MOST_NOTES = 5_000
"""Cells with a note; beyond, cells are coloured only (notes are shapes, and slow Excel down)."""

NOTES_A_CELL = 6
_CANNOT_OPEN = ("原文件无法带格式批注", "the file cannot be annotated in place")
_TOO_LARGE = ("原文件太大，无法批注", "the file is too large to be annotated")


def annotated(
    original: bytes, reading: Reading, found: pl.DataFrame, annotator: Annotator | None = None
) -> bytes:
    """The file as XLSX: its own sheets with findings at their cells, and ``问题清单 Issues``.

    ``original``: the bytes that ``reading`` was made from (ValueError if not). ``found``:
    columns of ``findings.FINDINGS``; what names another file is listed, not placed. An XLSX
    keeps its sheets, order and formatting; CSV, TSV and TXT become text cells in the same
    rows; what cannot be opened within the limits comes back as the list alone, which says so.
    The same arguments give the same bytes; raises ``annotator.BusyError`` where the machine has
    no time to make them. ``annotator``: whose processes open workbooks; by default one for this
    file alone.
    """
    if annotator is None:
        with Annotator() as annotator:
            return annotated(original, reading, found, annotator)
    if hashlib.sha256(original).hexdigest() != reading.sha256:
        raise ValueError("these are not the bytes of this reading")
    issues = dataclasses.replace(issue_list(found, reading.file_name), origin=_origin(reading))
    marks = Marks(_cells(found, reading.file_name), issues)
    if original.startswith(b"PK"):
        return annotator.annotate(original, marks.to_json()) or _list_only(marks, _CANNOT_OPEN)
    if reading.encoding is None:
        return _list_only(marks, _CANNOT_OPEN)
    try:
        rows = text_rows(original, reading)
    except TooLargeError:
        return _list_only(marks, _TOO_LARGE)
    except (ValueError, LookupError):
        return _list_only(marks, _CANNOT_OPEN)
    heads = reading.rows.filter(pl.col("excluded") == "HEADER").get_column("row")
    return text_workbook(TextSheet(_title(reading.file_name), rows, frozenset(heads)), marks)


def _origin(reading: Reading) -> str:
    """The mark of a copy that can come back with corrections; empty for a file never read."""
    if not reading.usable or not reading.layout:
        return ""
    return str(Origin(reading.sha256, reading.layout, len(reading.columns)))


def _list_only(marks: Marks, why: tuple[str, str]) -> bytes:
    issues = dataclasses.replace(
        marks.issues,
        not_annotated=why,
        origin="",
        issues=[dataclasses.replace(one, link=None, also_link=None) for one in marks.issues.issues],
    )
    return text_workbook(None, Marks({}, issues))


def _cells(found: pl.DataFrame, file_name: str) -> dict[str, dict[str, tuple[str, str]]]:
    """Sheet → cell → (worst severity, note) for what concerns this file's own cells."""
    placed: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in found.filter(pl.col("file") == file_name).iter_rows(named=True):
        place = row_link(row)
        if place is not None:
            placed.setdefault(place, []).append(row)
    cells: dict[str, dict[str, tuple[str, str]]] = {}
    rank = findings.SEVERITIES.index
    for noted, ((sheet, cell), rows) in enumerate(placed.items()):
        rows.sort(key=lambda row: rank(row["severity"]))
        note = _note(rows) if noted < MOST_NOTES else ""
        cells.setdefault(sheet, {})[cell] = (rows[0]["severity"], note)
    return cells


def _note(rows: list[dict[str, Any]]) -> str:
    """All that is wrong with one cell, the worst first, in Chinese and English."""
    parts = []
    for row in rows[:NOTES_A_CELL]:
        told = findings.explain(row)
        parts.append(
            f"【{NAMES[row['severity']]}】{row['code']}\n"
            f"{told['message_zh']}\n→ {told['fix_zh']}\n"
            f"{told['message_en']}\n→ {told['fix_en']}"
        )
    if len(rows) > NOTES_A_CELL:
        parts.append(f"+ {len(rows) - NOTES_A_CELL}: {TITLE}")
    return "\n\n".join(parts)


def _title(file_name: str) -> str:
    """A sheet's name from the file's: at most 31 characters, none that Excel refuses."""
    stem = (
        re.sub(r"[\[\]:*?/\\\x00-\x1f]", "_", PurePath(file_name).stem).strip("' ")[:31].strip("' ")
    )
    # Excel keeps "History" for itself.
    taken = {"", "history", TITLE.casefold()}
    return f"文件 {stem}".strip()[:31] if stem.casefold() in taken else stem
