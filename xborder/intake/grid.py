"""A file as sheets of text cells, before anyone knows what the columns mean."""

from collections.abc import Sequence
from dataclasses import dataclass, field

TEXT, NUMBER, DATE, ERROR, BOOLEAN, UNCOMPUTED, ELSEWHERE = (
    *(b"s", b"n", b"d"),
    *(b"e", b"b", b"f", b"x"),
)
"""Kinds of cell. A delimited file knows only TEXT. DATE cells hold the serial number as text:
a quantity in a cell that someone formatted as a date is still a quantity. UNCOMPUTED is a
formula that was never calculated, so there is no value to read; ELSEWHERE one that takes its
value from another workbook, so what stands here may be long out of date."""


@dataclass(slots=True)
class Row:
    """One row as a spreadsheet shows it.

    ``number`` is the row number of Excel (1-based), ``lines`` the physical text lines it takes
    in a delimited file, ``kinds`` one byte a cell or None where all cells are text, ``ragged``
    how many cells a delimited row has when they are too few or too many, else 0.
    """

    number: int
    texts: Sequence[str | None]
    kinds: bytes | None = None
    lines: int = 1
    ragged: int = 0

    @property
    def blank(self) -> bool:
        """Whether the row holds nothing that a user could see."""
        if self.kinds and UNCOMPUTED in self.kinds:
            return False
        return not any(text and not text.isspace() for text in self.texts)

    def kind(self, index: int) -> bytes:
        """The kind of one cell; a cell beyond the row's end is an empty text."""
        if self.kinds is None or index >= len(self.kinds):
            return TEXT
        return self.kinds[index : index + 1]


@dataclass
class Sheet:
    """A sheet: rows that hold something, in order, and the number of the last one.

    Rows that are absent between two others are blank rows; they count, but cost nothing.
    ``base_1904`` tells how the serial numbers of dates count. ``kept`` names the columns that
    the rows hold, in order, where a delimited file was read for a known layout; None = all.
    """

    name: str
    rows: list[Row] = field(default_factory=list)
    hidden: bool = False
    base_1904: bool = False
    kept: tuple[int, ...] | None = None

    def position(self, column: int) -> int:
        """Where a column of the file stands in the rows' texts."""
        return column if self.kept is None else self.kept.index(column)

    def texts(self, column: int, rows: Sequence[Row]) -> list[str | None]:
        """The cells of one column; a row's missing cells are None."""
        at = self.position(column)
        return [row.texts[at] if at < len(row.texts) else None for row in rows]

    @property
    def last(self) -> int:
        """Number of the last row that holds anything; 0 for an empty sheet."""
        return self.rows[-1].number if self.rows else 0
