"""A file as sheets of text cells, before anyone knows what the columns mean."""

from dataclasses import dataclass, field

TEXT, NUMBER, DATE, ERROR, BOOLEAN, UNCOMPUTED, ELSEWHERE = (
    *(b"s", b"n", b"d"),
    *(b"e", b"b", b"f", b"x"),
)
"""Kinds of cell. A delimited file knows only TEXT. DATE cells hold the serial number as text:
a quantity in a cell that someone formatted as a date is still a quantity. UNCOMPUTED is a
formula that was never calculated, so there is no value to read; ELSEWHERE one that takes its
value from another workbook, so what stands here may be long out of date."""


@dataclass
class Row:
    """One row as a spreadsheet shows it.

    ``number`` is the row number of Excel (1-based), ``lines`` the physical text lines it takes
    in a delimited file, ``kinds`` one byte a cell or None where all cells are text.
    """

    number: int
    texts: list[str | None]
    kinds: bytes | None = None
    lines: int = 1

    def kind(self, index: int) -> bytes:
        """The kind of one cell; a cell beyond the row's end is an empty text."""
        if self.kinds is None or index >= len(self.kinds):
            return TEXT
        return self.kinds[index : index + 1]


@dataclass
class Sheet:
    """A sheet: rows that hold something, in order, and the number of the last one.

    Rows that are absent between two others are blank rows; they count, but cost nothing.
    ``base_1904`` tells how the serial numbers of dates count.
    """

    name: str
    rows: list[Row] = field(default_factory=list)
    hidden: bool = False
    base_1904: bool = False

    @property
    def last(self) -> int:
        """Number of the last row that holds anything; 0 for an empty sheet."""
        return self.rows[-1].number if self.rows else 0
