"""Columns of text, each looked at as a whole (整列): its bytes prove what no cell need be asked.

Hundreds of thousands of cells hold no markup, no blank, no character too many. One pass over a
column's bytes shows that for all of them; only a column that fails it is gone through by cell.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa

from xborder.manifests.repeats import Alike, alike, both, same

ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
"""What stands in XML for characters that would not come back as they are; ``&`` is the first."""

# White space begins with one of these bytes (UTF-8), whatever else does.
_BLANKS = np.zeros(256, dtype=bool)
_BLANKS[[*range(0x09, 0x0E), *range(0x1C, 0x21), 0xC2, 0xE1, 0xE2, 0xE3]] = True
# A formula begins with one of these; the full-width signs begin with EF.
_FORMULAS = np.zeros(256, dtype=bool)
_FORMULAS[[*b"=+-@\t\r", 0xEF]] = True

_ESCAPED = str.maketrans(ESCAPES)


@dataclass(frozen=True)
class Look:
    """What a column's bytes say: absent values have none, and all is true of no values.

    ``shortest``, ``longest``: bytes of a value. ``plain``: printable ASCII only. ``markup``:
    which of ``ESCAPES`` stand in it. ``forbidden``: perhaps a character that XML 1.0 forbids.
    ``spaced``: a value begins with what may be white space; ``closed``: ends with ASCII's.
    ``quoted``: a value begins like a formula, perhaps; ``underscored``: a ``_`` stands in it.
    """

    shortest: int
    longest: int
    plain: bool
    markup: str
    forbidden: bool
    spaced: bool
    closed: bool
    quoted: bool
    underscored: bool


_NOTHING = Look(0, 0, True, "", *[False] * 5)


def arrow(values: pl.Series) -> pa.LargeStringArray:
    """A column of texts as Arrow lays it out: its letters one after another."""
    array: Any = values.to_arrow(compat_level=pl.CompatLevel.oldest())
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def bytes_of(array: pa.LargeStringArray) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of texts one after another, and where each begins and ends.

    Text ``i`` is ``letters[at[i]:at[i + 1]]``; an absent one is empty. Nothing is copied: a run
    of texts is a slice.
    """
    _, offsets, data = array.buffers()
    if not len(array):
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    at = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    return np.frombuffer(data or b"", np.uint8), at


def _laid(at: np.ndarray, letters: Any) -> pa.LargeStringArray:
    buffers = [None, pa.py_buffer(np.ascontiguousarray(at, np.int64)), pa.py_buffer(letters)]
    return pa.LargeStringArray.from_buffers(len(at) - 1, *buffers[1:])


def look(array: pa.LargeStringArray) -> Look:
    """Look at a column of texts."""
    letters, at = bytes_of(array)
    letters, lengths = letters[at[0] : at[-1]], np.diff(at)
    begins = at[:-1] - at[0]
    if array.null_count:
        # Read from the bits: Arrow's own way to NumPy loads pandas, half a second.
        bits = np.unpackbits(np.frombuffer(array.buffers()[0], np.uint8), bitorder="little")
        there = bits[array.offset : array.offset + len(array)].view(bool)
        lengths, begins = lengths[there], begins[there]
    if not len(lengths):
        return _NOTHING
    shortest, longest = int(lengths.min()), int(lengths.max())
    if not len(letters):
        return _NOTHING
    low, high = int(letters.min()), int(letters.max())
    if shortest == 0:
        begins, lengths = begins[lengths > 0], lengths[lengths > 0]
    first = letters[begins]
    markup = [one for one in ESCAPES if low <= ord(one) <= high and (letters == ord(one)).any()]
    return Look(
        shortest=shortest,
        longest=longest,
        plain=low >= 0x20 and high < 0x7F,
        markup="".join(markup),
        forbidden=low < 0x20 or (high >= 0xEF and _ends_of_planes(letters)),
        spaced=bool(_BLANKS[first].any()),
        quoted=bool(_FORMULAS[first].any()),
        underscored=low <= 0x5F <= high and bool((letters == 0x5F).any()),
        closed=low <= 0x20 and bool((letters[begins + lengths - 1] <= 0x20).any()),
    )


@lru_cache(4096)
def _look_at(text: str) -> Look:
    return look(_laid(np.array([0, len(one := text.encode())]), one))


def _ends_of_planes(letters: np.ndarray) -> bool:
    """Whether U+FFFE or U+FFFF stands there: EF BF BE, EF BF BF."""
    at = np.flatnonzero(letters == 0xEF)
    return bool(((letters[at + 1] == 0xBF) & (letters[at + 2] >= 0xBE)).any())


@dataclass(frozen=True)
class Value:
    """A column of values to write, and how it looks.

    ``same``: the text that stands in every row; None where they differ, or one is absent.
    """

    values: pl.Series
    look: Look
    same: str | None = None

    @property
    def absent(self) -> int:
        """How many rows have no value."""
        return int(self.values.null_count())

    @cached_property
    def xml(self) -> "str | pa.LargeStringArray":
        """The values as they stand in an XML text; what is the same in all rows, once."""
        if self.same is not None:
            return self.same.translate(_ESCAPED) if self.look.markup else self.same
        values = self.values
        # Sign by sign: sought alone, each is found several times as fast as all of them together.
        for sign in self.look.markup:
            values = values.str.replace_all(sign, ESCAPES[sign], literal=True)
        return arrow(values)


def _nothing(height: int) -> Value:
    return Value(pl.Series([None], dtype=pl.String).new_from_index(0, height), _NOTHING)


def _everywhere(text: str, height: int) -> Value:
    return Value(pl.Series([text]).new_from_index(0, height), _look_at(text), text)


def _differing(values: pl.Series) -> Value:
    array = arrow(values)
    told = Value(values, look(array))
    if not told.look.markup:
        # What was looked at is what will be written.
        told.__dict__["xml"] = array
    return told


@dataclass(frozen=True)
class Number(Value):
    """A column of decimals without trailing zeros.

    ``places``: digits after the point, by row; None unless all are ``digits[.digits]``.
    ``led``: some have a zero before their first digit, as ``007``.
    """

    places: np.ndarray | None = None
    led: bool = True


def shortened(found: Value) -> Number:
    """Decimals without their trailing zeros; what is none stays as it is, as far as that goes."""
    if found.same is None:
        return _plain(found) or _by_cell(found)
    one, height = _shortened_once(found.same), len(found.values)
    places = None if one.places is None else np.repeat(one.places, height)
    return replace(one, values=one.values.new_from_index(0, height), places=places)


@lru_cache(4096)
def _shortened_once(text: str) -> Number:
    one = Value(pl.Series([text]), _look_at(text))
    short = _plain(one) or _by_cell(one)
    return replace(short, same=str(short.values[0]))


def _by_cell(found: Value) -> Number:
    column = pl.col(found.values.name)
    pointed = column.str.contains(".", literal=True)
    short = column.str.strip_chars_end("0").str.strip_chars_end(".")
    chosen = pl.when(pointed).then(short).otherwise(column)
    text = found.values.to_frame().select(chosen).to_series()
    return Number(text, look(arrow(text)))


def _plain(found: Value) -> Number | None:
    """Texts of digits with a point or none, shortened by their letters; None for others."""
    if not found.look.plain or not found.look.longest or found.look.markup:
        return None
    array: Any = found.xml
    letters, at = bytes_of(array)
    letters, at = letters[at[0] : at[-1]], at - at[0]
    if letters.min() < 0x2E or letters.max() > 0x39 or (letters == 0x2F).any():
        return None
    points = np.flatnonzero(letters == 0x2E)
    rows = np.repeat(np.arange(len(at) - 1), np.diff(at))[points]
    if (np.diff(rows) == 0).any() or (points == at[rows]).any():
        return None
    ends = at[rows + 1]
    while (zero := letters[ends - 1] == 0x30).any():
        ends = ends - zero
    ends = ends - (letters[ends - 1] == 0x2E)
    lengths, places = np.diff(at), np.zeros(len(at) - 1, np.int64)
    lengths[rows] = ends - at[rows]
    places[rows] = np.maximum(ends - points - 1, 0)
    long = at[:-1][lengths > 1]
    led = bool(((letters[long] == 0x30) & (letters[long + 1] != 0x2E)).any())
    values = found.values
    if (ends < at[rows + 1]).any():
        # One more where letters begin to fall away, one less where the next text begins.
        gone = np.zeros(len(letters) + 1, np.int8)
        gone[ends] += 1
        gone[at[rows + 1]] -= 1
        left = letters[np.cumsum(gone[:-1], dtype=np.int8) == 0]
        array = _laid(np.concatenate([[0], np.cumsum(lengths)]), left)
        cut = pl.DataFrame({"text": pl.Series(array), "before": values})
        values = cut.select(pl.when(pl.col("before").is_not_null()).then("text")).to_series()
    there = lengths[lengths > 0]
    seen = replace(found.look, shortest=int(there.min()), longest=int(there.max()))
    told = Number(values, seen, places=places, led=led)
    if values is found.values or not found.absent:
        told.__dict__["xml"] = array
    return told


@dataclass(frozen=True)
class Texts:
    """A frame whose columns are written as text; what was looked at once is remembered."""

    frame: pl.DataFrame
    _found: dict[object, Value] = field(default_factory=dict)
    _numbers: dict[object, Number] = field(default_factory=dict)
    _alike: dict[str, Alike] = field(default_factory=dict)

    def raw(self, source: str) -> Value:
        """A column as text, the empty text as an absent value; absent altogether: all absent."""
        return self._once(("raw", source), lambda: self._raw(source))

    def standing(self, source: str) -> Value:
        """The same, where white space alone is no value either."""
        return self._once(("standing", source), lambda: self._standing(source))

    def value(self, sources: tuple[str, ...], default: str) -> Value:
        """What will be written: the first source that stands, then the default, else null."""
        if len(sources) == 1 and not default:
            return self.standing(sources[0])
        return self._once((sources, default), lambda: self._value(sources, default))

    def number(self, sources: tuple[str, ...], default: str) -> Number:
        """The same for plain decimals, which lose their trailing zeros."""
        key = ("number", sources, default)
        if key not in self._numbers:
            self._numbers[key] = shortened(self.value(sources, default))
        return self._numbers[key]

    @cached_property
    def columns(self) -> dict[str, pl.Series]:
        """The columns by name."""
        return {one.name: one for one in self.frame}

    def alike(self, sources: Iterable[str]) -> Alike | None:
        """Which rows have the same value, whichever source it is of; None if few rows repeat."""
        found: Alike | None = same(len(self.frame))
        for source in sources:
            if found is not None and source in self.columns:
                if source not in self._alike:
                    self._alike[source] = alike(self.columns[source])
                found = both(found, self._alike[source])
        return found

    def some(self, sources: Iterable[str], rows: pl.Series) -> "Texts":
        """Some rows, and of the columns those that are among ``sources``."""
        wanted = dict.fromkeys(one for one in sources if one in self.columns)
        # A table without columns has no rows.
        return Texts(
            pl.DataFrame([self.columns[one][rows] for one in wanted or [*self.columns][:1]])
        )

    def _once(self, key: object, made: Callable[[], Value]) -> Value:
        if key not in self._found:
            self._found[key] = made()
        return self._found[key]

    def _raw(self, source: str) -> Value:
        height = len(self.frame)
        if source not in self.columns:
            return _nothing(height)
        values = self.columns[source].cast(pl.String)
        if values.null_count() == height:
            return _nothing(height)
        if not values.null_count() and values[0] == values[-1] and (values == values[0]).all():
            return _everywhere(values[0], height) if values[0] else _nothing(height)
        found = _differing(values)
        if found.look.shortest == 0:
            filled = pl.when(pl.col(source) != "").then(pl.col(source))
            found = _differing(values.to_frame().select(filled).to_series())
        return found

    def _standing(self, source: str) -> Value:
        found = self.raw(source)
        if not found.look.spaced:
            return found
        column = pl.col(source)
        stands = column.str.strip_chars() != ""
        frame = found.values.alias(source).to_frame()
        if frame.select(stands.all()).item():
            return found
        values = frame.select(pl.when(stands).then(column)).to_series()
        return _differing(values) if values.null_count() < len(values) else _nothing(len(values))

    def _value(self, sources: tuple[str, ...], default: str) -> Value:
        height = len(self.frame)
        found = [self.standing(one) for one in sources]
        found = [one for one in found if one.absent < height] or found[:1]
        if not found[0].absent:
            return found[0]
        if found[0].absent == height:
            return _everywhere(default, height) if default else found[0]
        frame = pl.DataFrame([one.values.alias(f"{at}") for at, one in enumerate(found)])
        last = pl.lit(default or None, dtype=pl.String)
        values = frame.select(pl.coalesce(*frame.columns, last).alias(sources[0])).to_series()
        return _differing(values)


Piece: TypeAlias = str | pl.Series | pa.LargeStringArray
"""A part of what is written: the same in all rows, or a text a row."""


def written(pieces: Iterable[Piece], height: int) -> pa.LargeStringArray:
    """One text a row of the pieces, absent ones left out."""
    merged: list[str | pa.LargeStringArray] = []
    for one in pieces:
        piece = arrow(one.cast(pl.String)) if isinstance(one, pl.Series) else one
        # Neighbouring literals become one: half the cost.
        if isinstance(piece, str) and merged and isinstance(merged[-1], str):
            merged[-1] += piece
        else:
            merged.append(piece)
    if not any(isinstance(one, pa.LargeStringArray) for one in merged):
        return pa.repeat(_literal("".join(merged)), height)
    # Of texts alone Arrow would leave out the rows whose text is absent.
    told = [
        _literal(one) if isinstance(one, str) else one
        for one in (*merged, "")[: max(2, len(merged))]
    ]
    return _joined(told, "skip")


def around(opened: str, array: pa.LargeStringArray, closed: str) -> pa.LargeStringArray:
    """Each text between two others; an absent one stays absent."""
    return _joined([_literal(opened), array, _literal(closed)], "emit_null")


def _joined(pieces: list[Any], absent: str) -> pa.LargeStringArray:
    import pyarrow.compute as pc  # dear to load for commands that write nothing

    return pc.binary_join_element_wise(*pieces, _literal(""), null_handling=absent)


@lru_cache(4096)
def _literal(text: str) -> pa.LargeStringScalar:
    # Not by Arrow's ``scalar``: that loads pandas, half a second.
    return _laid(np.array([0, len(letters := text.encode())]), letters)[0]


def together(pieces: Iterable[Piece], height: int) -> pl.Series:
    """``written``, as a column."""
    found = pl.from_arrow(written(pieces, height))
    assert isinstance(found, pl.Series)
    return found.alias("text")
