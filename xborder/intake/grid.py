"""A file as sheets of text cells, before anyone knows what the columns mean."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import polars as pl

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


@dataclass(frozen=True)
class Table:
    """Rows of a sheet that lie together, column by column.

    ``frame``: ``row``, ``lines`` and ``ragged`` (UInt32, as in ``Row``), until it was classified
    ``blank``, ``first`` (the first text of the row that is not blank) and ``repeated`` (the row
    repeats the header), and the texts of each column that is read, under the column's number; in a workbook
    (``typed``) the kinds of its cells as well, under the number and ``k``. ``gaps``: rows
    absent between two others are blank rows of the sheet.
    """

    name: str
    frame: pl.DataFrame
    base_1904: bool = False
    typed: bool = False
    gaps: bool = False

    def body(self) -> pl.DataFrame:
        """The rows that are data, of a table that was classified (``code`` is null)."""
        code = self.frame["code"]
        return self.frame if code.null_count() == len(code) else self.frame.filter(code.is_null())


TELLING = ("blank", "first", "repeated")
"""Columns of a table that tell which of its rows are data."""
OF_A_ROW = {"row": pl.UInt32(), "lines": pl.UInt32(), "ragged": pl.UInt32()}


def table(sheet: Sheet, header: Row, columns: Iterable[int]) -> Table:
    """A workbook's sheet as a table of some columns."""
    rows = sheet.rows
    heads = list(header.texts)
    firsts = [next((one for one in row.texts if one and not one.isspace()), None) for row in rows]
    data: dict[str, Sequence[object]] = {
        "row": [row.number for row in rows],
        "lines": [row.lines for row in rows],
        "ragged": [row.ragged for row in rows],
        "blank": [row.blank for row in rows],
        "first": firsts,
        "repeated": [list(row.texts) == heads for row in rows],
    }
    types: dict[str, pl.DataType] = OF_A_ROW | {"blank": pl.Boolean(), "repeated": pl.Boolean()}
    texts = [row.texts for row in rows]
    # Few patterns of kinds are shared by all rows.
    spelt = {kinds: kinds.decode() for kinds in {row.kinds or b"" for row in rows}}
    letters = [spelt[row.kinds or b""] for row in rows]
    plain = TEXT.decode()
    for at in columns:
        data[str(at)] = [one[at] if at < len(one) else None for one in texts]
        data[f"{at}k"] = [one[at] if at < len(one) else plain for one in letters]
    schema = {name: types.get(name, pl.String()) for name in data}
    frame = pl.DataFrame(data, schema=schema)
    return Table(sheet.name, frame, sheet.base_1904, typed=True, gaps=True)


def size_of(frame: pl.DataFrame) -> int:
    """Bytes that a frame takes, with the 16 of each text that Polars leaves out."""
    return int(frame.estimated_size()) + 16 * frame.height * frame.width


def compact(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame for keeping: its cells no longer lie in the whole text that was parsed."""
    buffer = io.BytesIO()
    frame.write_ipc_stream(buffer)
    return pl.read_ipc_stream(buffer.getvalue())


def described(
    frame: pl.DataFrame, heads: dict[str, str], *, whole: bool = True
) -> pl.DataFrame | None:
    """The frame of a delimited file's rows with ``blank``, ``first`` and ``repeated``.

    ``heads``: the header's text of each column that is read, in order; not ``whole``: of some of
    them, and None where these do not tell.
    """
    names = list(heads)
    first = frame[names[0]]
    hollow = first.is_null() | (first.str.strip_chars() == "")
    if not whole and (hollow.any() or (first == heads[names[0]]).any()):
        return None
    if hollow.any():
        said = [pl.when(pl.col(name).str.strip_chars() != "").then(pl.col(name)) for name in names]
        there = frame.filter(hollow).select(pl.coalesce(said)).to_series()
        first = first.scatter(hollow.arg_true(), there)
    repeated = pl.lit(value=False)
    if (first == heads[names[0]]).any():
        repeated = pl.all_horizontal(
            pl.col(name).fill_null("") == head for name, head in heads.items()
        )
    return frame.with_columns(blank=first.is_null(), first=first, repeated=repeated)
