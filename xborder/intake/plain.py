"""A file's cells without a layout (原样读取): for tables whose columns the caller knows.

The same child, limits and preflight as for the users' files; what comes back are the cells of
the visible sheets as text. A cell that cannot be trusted (a formula never calculated, an error,
a value from another workbook) is told at its place, never guessed.
"""

import io
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from xborder import findings
from xborder.findings import Finding, column_letter
from xborder.intake import dates, delimited, encoding, headers, preflight, workbook
from xborder.intake.grid import DATE, ELSEWHERE, ERROR, UNCOMPUTED, Row, Sheet
from xborder.intake.limits import Limits, Refused, refuse
from xborder.intake.nursery import Nursery
from xborder.intake.parse import base_name
from xborder.intake.reading import digest_of

CELLS: dict[str, pl.DataType] = {
    "sheet": pl.String(),
    "row": pl.UInt32(),
    "cells": pl.List(pl.String()),
    "ragged": pl.UInt32(),
}
"""One row each that holds something: the sheet's name, the number as Excel shows it, the cells
from column A on (null = empty; days of a workbook as ISO dates), and how many cells a delimited
row has when they are fewer or more than in the widest of the first rows, else 0."""

UNREADABLE = (ERROR, UNCOMPUTED, ELSEWHERE)


@dataclass(frozen=True)
class Plain:
    """A file's cells (``CELLS``); ``found`` tells what was refused or cannot be trusted."""

    sha256: str
    file_name: str
    size: int
    cells: pl.DataFrame
    found: pl.DataFrame


def read_plain(source: Path, limits: Limits | None = None, *, heads: Iterable[str] = ()) -> Plain:
    """The cells of a CSV (UTF-8, GB18030) or XLSX, read in a child process with limits.

    ``heads``: names that the columns may bear; they tell the delimiter of a text file.
    Never raises for what a file may hold. Raises OSError when it cannot be opened,
    RuntimeError for a fault of ours.
    """
    limits = limits or Limits()
    name = base_name(source.name)
    nothing = pl.DataFrame(schema=CELLS)
    with ExitStack() as stack:
        handle = stack.enter_context(source.open("rb"))
        digest, size = digest_of(handle)
        if size > limits.file_bytes:
            expected = str(limits.file_bytes)
            finding = Finding("FILE_TOO_LARGE", file=name, value=str(size), expected=expected)
            return Plain(digest, name, size, nothing, findings.to_frame([finding]))
        order = {"plain": True, "limits": asdict(limits), "heads": sorted(heads)}
        frames: list[pl.DataFrame] = []

        def take(_: dict[str, Any], tables: list[pl.DataFrame]) -> None:
            frames.extend(tables)

        code = stack.enter_context(Nursery()).read(order, handle.fileno(), limits, take)
    if code:
        found = findings.to_frame([Finding(code, file=name)])
        return Plain(digest, name, size, nothing, found)
    cells, found = frames
    return Plain(digest, name, size, cells, found.with_columns(file=pl.lit(name)))


def parse_plain(
    data: bytes, limits: Limits, heads: Iterable[str] = ()
) -> tuple[pl.DataFrame, list[Finding]]:
    """The cells and what is wrong with them; runs in the child."""
    try:
        sheets = _sheets(data, limits, {headers.bare(one) for one in heads})
        found = [one for sheet in sheets for one in _unreadable(sheet)]
        if len(found) > limits.findings:
            refuse("TOO_MANY_FAULTS", value=str(len(found)))
    except Refused as refused:
        return pl.DataFrame(schema=CELLS), [refused.finding]
    rows = [
        (sheet.name, row.number, _texts(sheet, row), row.ragged)
        for sheet in sheets
        for row in sheet.rows
        if not row.blank
    ]
    return pl.DataFrame(rows, schema=CELLS, orient="row"), found


def _sheets(data: bytes, limits: Limits, heads: set[str]) -> list[Sheet]:
    kind = preflight.file_type(data)
    if kind == "text":
        return [_delimited(data, limits, heads)]
    if kind != "xlsx":
        refuse("FILE_TYPE_NOT_ACCEPTED", value=kind)
    return [one for one in workbook.read(preflight.unpack(data, limits), limits) if not one.hidden]


def _delimited(data: bytes, limits: Limits, heads: set[str]) -> Sheet:
    """A text file, under the delimiter that parts one of its first rows into most of the names
    in ``heads``, and of several such under the one that makes most columns: a cell may hold
    another delimiter more often than its row has columns."""
    text, _ = encoding.decode(data)
    text = text.lstrip("\ufeff")
    if not text.strip():
        refuse("FILE_EMPTY")
    parted = []
    for delimiter in delimited.declared_delimiter(text) or delimited.DELIMITERS:
        rows = [row.texts for row in delimited.preview(text, delimiter, True, limits).rows]
        known = (sum(headers.bare(one) in heads for one in row if one) for row in rows)
        parted.append((max(known, default=0), max(map(len, rows), default=0), delimiter))
    _, width, delimiter = max(parted, key=lambda one: one[:2])
    if not 0 < width <= limits.columns:
        refuse("TOO_MANY_COLUMNS", value=str(width), expected=str(limits.columns))
    stream = io.StringIO(text, newline="")
    sheet = Sheet("")
    read = delimited.records(stream, delimiter, True, limits, width=width)
    for number, (cells, lines) in enumerate(read, 1):
        size = len(cells)
        if any(cells):
            texts = cells[:width] + [""] * (width - size)
            astray = size if size < width or any(cells[width:]) else 0
            sheet.rows.append(Row(number, texts, None, lines, astray))
    return sheet


def _unreadable(sheet: Sheet) -> Iterator[Finding]:
    for row in sheet.rows:
        for index, text in enumerate(row.texts if row.kinds else ()):
            if row.kind(index) in UNREADABLE:
                cell = f"{column_letter(index)}{row.number}"
                value = (text or "")[:60]
                yield Finding("CELL_NOT_USABLE", "", sheet.name, row.number, cell, value=value)


def _texts(sheet: Sheet, row: Row) -> list[str | None]:
    texts = [text or None for text in row.texts]
    if row.kinds and DATE in row.kinds:
        for index, text in enumerate(texts):
            if text is not None and row.kind(index) == DATE:
                texts[index] = dates.serial(text, sheet.base_1904, "Asia/Shanghai", True)
    return texts
