"""CSV and TSV to rows: strict quoting, every physical line accounted for."""

import csv
import io
import operator
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from xborder.intake.grid import Row, Sheet
from xborder.intake.limits import Limits, refuse
from xborder.intake.stream import Stream

DELIMITERS = ",\t;|"
PREVIEW_CHARACTERS = 262_144
PREVIEW_ROWS = 30
SEP_LINE = re.compile(r"\ufeff?sep=(.)[\r\n]", re.ASCII)


def declared_delimiter(text: str) -> str | None:
    """The delimiter that Excel's own first line ``sep=;`` names, or None."""
    found = SEP_LINE.match(text)
    return found[1] if found else None


def preview(text: str, delimiter: str, quoted: bool, limits: Limits) -> Sheet:
    """The first rows, read leniently, for recognising the layout."""
    csv.field_size_limit(limits.field_characters)
    head = io.StringIO(text[:PREVIEW_CHARACTERS], newline="")
    sheet = Sheet("")
    reader = csv.reader(
        head, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    )
    number = 0
    try:
        for number, cells in enumerate(reader, 1):
            if number > PREVIEW_ROWS:
                break
            if any(cells):
                sheet.rows.append(Row(number, [cell or None for cell in cells]))
    except csv.Error:
        pass
    return sheet


@dataclass(frozen=True)
class Form:
    """How a delimited file is written, and what of it is read.

    ``quoted`` False reads a quotation mark as data (Amazon's flat files). ``heads``: the
    header's text of each column that is read, in order, under the column's number; ``width``
    is the number of columns of the header.
    """

    delimiter: str
    quoted: bool
    heads: dict[str, str]
    width: int
    limits: Limits

    @property
    def kept(self) -> tuple[int, ...]:
        """The columns that are read, in order."""
        return tuple(map(int, self.heads))

    @property
    def separator(self) -> bytes:
        """The delimiter as UTF-8."""
        return self.delimiter.encode()

    @property
    def unusual(self) -> bool:
        """Whether the file has named a delimiter of its own."""
        return self.delimiter not in DELIMITERS


def records(
    text: Iterable[str],
    delimiter: str,
    quoted: bool,
    limits: Limits,
    *,
    width: int,
    rows_before: int = 0,
    lines_before: int = 0,
) -> Iterator[tuple[list[str], int]]:
    """The cells of each row of a text (its physical lines), and how many lines it takes.

    Raises Refused with CSV_NOT_WELL_FORMED at the row where the quoting breaks, or
    TOO_MANY_COLUMNS in a row wider than the header's ``width``.
    """
    csv.field_size_limit(limits.field_characters)
    reader = csv.reader(
        text,
        delimiter=delimiter,
        strict=True,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
    )
    before, number = 0, rows_before
    try:
        for number, cells in enumerate(reader, rows_before + 1):
            line = reader.line_num
            size = len(cells)
            if size != width and size > limits.columns and any(cells):
                expected = str(limits.columns)
                refuse("TOO_MANY_COLUMNS", row=number, value=str(size), expected=expected)
            yield cells, line - before
            before = line
    except csv.Error as error:
        line = lines_before + before + 1
        refuse("CSV_NOT_WELL_FORMED", row=number + 1, line=line, reason=str(error))


def rows(
    stream: Stream,
    form: Form,
    rows_before: int,
    lines_before: int,
    *,
    end: int | None = None,
    most: int | None = None,
) -> pl.DataFrame:
    """Rows of a stream until its position ``end`` is passed, or ``most`` rows are read.

    Columns: lines, ragged, and the texts of each column that is read. Blank lines are rows,
    as a spreadsheet shows them. Raises Refused as ``records``.
    """
    kept, width = form.kept, form.width
    chosen = operator.itemgetter(*kept, kept[0])
    needed = kept[-1] + 1
    texts: list[tuple[str | None, ...]] = []
    taken: list[int] = []
    ragged: list[int] = []
    nothing = (None,) * len(kept)
    for cells, line in records(
        stream.lines(),
        form.delimiter,
        form.quoted,
        form.limits,
        width=width,
        rows_before=rows_before,
        lines_before=lines_before,
    ):
        size = len(cells)
        astray = 0
        if not any(cells):
            texts.append(nothing)
        else:
            if size != width:
                astray = size if size < needed or any(cells[width:]) else 0
                cells += [""] * (needed - size)
            texts.append(chosen(cells)[:-1])
        taken.append(line)
        ragged.append(astray)
        if len(taken) == most or (end is not None and stream.position >= end):
            break
    columns = zip(*texts, strict=True) if texts else ((),) * len(kept)
    data = {"lines": taken, "ragged": ragged} | dict(zip(form.heads, columns, strict=True))
    types = {"lines": pl.UInt32(), "ragged": pl.UInt32()}
    schema = {name: types.get(name, pl.String()) for name in data}
    return pl.DataFrame({name: list(one) for name, one in data.items()}, schema=schema)


def first_rows(sheet: Sheet, count: int = PREVIEW_ROWS) -> Iterable[Row]:
    """Rows that stand within the first ``count`` rows and hold something."""
    return _until(sheet.rows, count)


def _until(candidates: Iterable[Row], count: int) -> Iterator[Row]:
    for row in candidates:
        if row.number > count:
            return
        if any(row.texts):
            yield row
