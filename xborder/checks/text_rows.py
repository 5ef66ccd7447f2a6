"""All cells of a delimited or JSON file, in the rows in which its reading numbered them.

Intake keeps only the columns it maps; what is given back to a user is everything.
"""

import csv
import io
from collections.abc import Sequence

from xborder.intake import Limits, Reading, delimited, json_orders
from xborder.intake.layouts import all_layouts
from xborder.intake.limits import Refused
from xborder.intake.parse import JSON

LIMITS = Limits()
MOST_BYTES = 32 * 1024 * 1024
MOST_CELLS = 400_000
"""Filled cells: six seconds and 300 MB; a larger file comes back as a list of its findings."""


class TooLargeError(ValueError):
    """More than ``MOST_BYTES`` or ``MOST_CELLS``."""


def text_rows(original: bytes, reading: Reading) -> list[tuple[int, list[str]]]:
    """(Row number as Excel shows it, texts) of every row, blank ones included.

    Raises TooLargeError; ValueError if the text no longer reads as it did for ``reading``.
    """
    if len(original) > MOST_BYTES:
        raise TooLargeError
    if reading.encoding == JSON:
        return _json_rows(original)
    # A UnicodeDecodeError and an unknown encoding are ValueErrors already.
    text = original.decode(reading.encoding or "utf-8").lstrip("\ufeff")
    quoted = all(one.quoted for one in all_layouts() if one.layout == reading.layout)
    quoting = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    csv.field_size_limit(LIMITS.field_characters)
    lines = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter(text, quoted, reading),
        strict=True,
        quoting=quoting,  # type: ignore[arg-type]
    )
    rows, cells = [], 0
    try:
        for number, texts in enumerate(lines, 1):
            cells += len(texts) - texts.count("")
            if cells > MOST_CELLS or len(texts) > LIMITS.columns:
                raise TooLargeError
            rows.append((number, texts))
    except csv.Error as error:
        raise ValueError from error
    if reading.usable and len(rows) != reading.rows.height:
        raise ValueError(f"{len(rows)} rows, {reading.rows.height} when it was read")
    return rows


def _json_rows(original: bytes) -> list[tuple[int, list[str]]]:
    """The table that a JSON file was read as; behind each row where it stands in the file."""
    try:
        rows = json_orders.placed_rows(original, MOST_CELLS)
    except Refused as refused:
        raise ValueError(refused.finding.code) from refused
    if rows is None:
        raise TooLargeError
    return rows


def delimiter(text: str, quoted: bool, reading: Reading) -> str:
    """The one that puts the headers into the columns where the reading saw them."""
    seen = {(at, head.strip()) for at, head in reading.columns.get("", {}).values()}

    def fits(candidate: str) -> tuple[int, int]:
        rows: Sequence[Sequence[str | None]] = [
            row.texts for row in delimited.preview(text, candidate, quoted, LIMITS).rows
        ]
        heads = ({(at, (one or "").strip()) for at, one in enumerate(texts)} for texts in rows)
        placed = max((len(seen & head) for head in heads), default=0)
        return placed, max(map(len, rows), default=0)

    return max(delimited.declared_delimiter(text) or delimited.DELIMITERS, key=fits)
