"""CSV and TSV to rows: strict quoting, every physical line accounted for."""

import csv
import io
import operator
import re
from collections.abc import Iterable, Iterator, Sequence

from xborder.intake.grid import Row, Sheet
from xborder.intake.limits import Limits, refuse

DELIMITERS = ",\t;|"
PREVIEW_CHARACTERS = 262_144
PREVIEW_ROWS = 20
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


def rows(
    text: Iterable[str],
    delimiter: str,
    quoted: bool,
    kept: Sequence[int],
    width: int,
    limits: Limits,
) -> Sheet:
    """All rows of a delimited text (its physical lines), with the columns ``kept`` only.

    ``quoted`` False reads a quotation mark as data (Amazon's flat files); ``width`` is the
    number of columns of the header. Blank lines are rows, as a spreadsheet shows them. Raises
    Refused with CSV_NOT_WELL_FORMED at the row where the quoting breaks, or TOO_MANY_COLUMNS.
    """
    csv.field_size_limit(limits.field_characters)
    reader = csv.reader(
        text,
        delimiter=delimiter,
        strict=True,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
    )
    sheet = Sheet("", kept=tuple(kept))
    append = sheet.rows.append
    chosen = operator.itemgetter(*kept, kept[0])
    needed = kept[-1] + 1
    before = number = 0
    try:
        for number, cells in enumerate(reader, 1):
            line = reader.line_num
            size = len(cells)
            if size == width and any(cells):
                append(Row(number, chosen(cells)[:-1], None, line - before))
            elif not any(cells):
                append(Row(number, (), None, line - before))
            else:
                if size > limits.columns:
                    expected = str(limits.columns)
                    refuse("TOO_MANY_COLUMNS", row=number, value=str(size), expected=expected)
                astray = size < needed or any(cells[width:])
                cells += [""] * (needed - size)
                append(Row(number, chosen(cells)[:-1], None, line - before, size * astray))
            before = line
    except csv.Error as error:
        refuse("CSV_NOT_WELL_FORMED", row=number + 1, line=before + 1, reason=str(error))
    return sheet


def physical_lines(text: str) -> int:
    """Physical lines of a text, ended by LF, CR or CRLF; for counting against the rows."""
    ended = text.count("\n") + text.count("\r") - text.count("\r\n")
    return ended + (1 if text and not text.endswith(("\n", "\r")) else 0)


def first_rows(sheet: Sheet, count: int = PREVIEW_ROWS) -> Iterable[Row]:
    """Rows that stand within the first ``count`` rows and hold something."""
    return _until(sheet.rows, count)


def _until(candidates: Iterable[Row], count: int) -> Iterator[Row]:
    for row in candidates:
        if row.number > count:
            return
        if any(row.texts):
            yield row
