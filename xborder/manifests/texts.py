"""Columns of text, each looked at as a whole (整列): its bytes prove what no cell need be asked.

Hundreds of thousands of cells hold no markup, no blank, no character too many. One pass over a
column's bytes shows that for all of them; only a column that fails it is gone through by cell.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
"""What stands in XML for characters that would not come back as they are."""

# White space begins with one of these bytes (UTF-8), whatever else does.
_BLANKS = np.zeros(256, dtype=bool)
_BLANKS[[*range(0x09, 0x0E), *range(0x1C, 0x21), 0xC2, 0xE1, 0xE2, 0xE3]] = True
# A formula begins with one of these; the full-width signs begin with EF.
_FORMULAS = np.zeros(256, dtype=bool)
_FORMULAS[[*b"=+-@\t\r", 0xEF]] = True


_IN_VIEW = 12
"""Bytes of a text that Arrow keeps in its view."""


@dataclass(frozen=True)
class Look:
    """What a column's bytes say: absent values have none, and all is true of no values.

    ``shortest``, ``longest``: bytes of a value. ``plain``: printable ASCII only. ``markup``:
    some of ``ESCAPES`` stand in it. ``forbidden``: perhaps a character that XML 1.0 forbids.
    ``spaced``: a value begins with what may be white space; ``closed``: ends with ASCII's.
    ``quoted``: a value begins like a formula, perhaps; ``underscored``: a ``_`` stands in it.
    """

    shortest: int
    longest: int
    plain: bool
    markup: bool
    forbidden: bool
    spaced: bool
    closed: bool
    quoted: bool
    underscored: bool


_NOTHING = Look(0, 0, True, *[False] * 6)


def bytes_of(values: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of a text column one after another, and where each value begins and ends.

    Value ``i`` is ``letters[at[i]:at[i + 1]]``; an absent one is empty. Nothing is copied that
    need not be: a run of values is a slice.
    """
    array = values.to_arrow(compat_level=pl.CompatLevel.oldest())
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    _, offsets, data = array.buffers()
    if not len(array):
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    at = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    return np.frombuffer(data or b"", np.uint8), at


class Laid(NamedTuple):
    """Where the letters of texts lie, one text after the other: a run of them is a slice or a few.

    ``views``: length, first four letters, number of the buffer and place in it, a row each.
    ``own``: so Arrow itself describes them.
    """

    views: np.ndarray
    buffers: list[Any]
    own: bool

    def run(self, first: int, stop: int) -> list[memoryview]:
        """The letters of the texts from ``first`` to before ``stop``, a slice a buffer."""
        views = self.views[first:stop]
        begins = np.flatnonzero(np.diff(views[:, 2], prepend=-1))
        ends = np.append(begins, len(views))[1:] - 1
        return [
            memoryview(self.buffers[views[one, 2]])[views[one, 3] : views[last, 3] + views[last, 0]]
            for one, last in zip(begins, ends, strict=True)
        ]


def laid(values: pl.Series) -> Laid:
    """Where the letters of texts lie; nothing is copied of long texts that were just written."""
    array: Any = values.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
    _, told, *buffers = array.buffers()
    if len(array) and not values.null_count():
        views = np.frombuffer(told, np.int32)[4 * array.offset :][: 4 * len(array)].reshape(-1, 4)
        lengths, places = views[:, 0], views[:, 3]
        follows = (views[1:, 2] != views[:-1, 2]) | (places[1:] == places[:-1] + lengths[:-1])
        # A shorter text stands in its view, and in no buffer.
        if lengths.min() > _IN_VIEW and follows.all():
            return Laid(views, buffers, own=True)
    letters, at = bytes_of(values)
    nothing = np.zeros(len(at) - 1, np.int64)
    views = np.stack([np.diff(at), nothing, nothing, at[:-1]], axis=1)
    return Laid(views, [letters.data], own=False)


def joined(values: pl.Series, counts: np.ndarray) -> pl.Series:
    """Runs of ``counts`` values each as one text; their letters lie side by side already."""
    stops = np.cumsum(counts)
    starts = stops - counts
    letters = laid(values)
    if not letters.own or not counts.all():
        return _copied(values, stops)
    views, lasts = letters.views[starts], letters.views[stops - 1]
    views[:, 0] = lasts[:, 3] + lasts[:, 0] - views[:, 3]
    apart = np.flatnonzero(views[:, 2] != lasts[:, 2])
    # The few runs that begin in one buffer and end in the next get one of their own.
    own = [b"".join(letters.run(starts[one], stops[one])) for one in apart]
    lengths = np.array([len(one) for one in own], np.int64)
    views[apart, 0], views[apart, 2] = lengths, len(letters.buffers)
    views[apart, 3] = np.cumsum(lengths) - lengths
    buffers = [None, pa.py_buffer(views), *letters.buffers, pa.py_buffer(b"".join(own))]
    told = pl.from_arrow(pa.Array.from_buffers(pa.string_view(), len(views), buffers))
    assert isinstance(told, pl.Series)
    return told


def _copied(values: pl.Series, stops: np.ndarray) -> pl.Series:
    letters, at = bytes_of(values)
    bounds = at[np.concatenate([[0], stops])]
    buffers = [None, pa.py_buffer(np.ascontiguousarray(bounds)), pa.py_buffer(letters)]
    told = pl.from_arrow(pa.LargeStringArray.from_buffers(len(stops), *buffers[1:]))
    assert isinstance(told, pl.Series)
    return told


def look(values: pl.Series) -> Look:
    """Look at a column of texts."""
    letters, at = bytes_of(values)
    letters, lengths = letters[at[0] : at[-1]], np.diff(at)
    begins = at[:-1] - at[0]
    if nulls := values.null_count():
        if nulls == len(values):
            return _NOTHING
        there = values.is_not_null().to_numpy()
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
    # ">" is the highest of the four: digits and capital letters lie on both sides of it.
    markup = low <= 0x3E and any(bool((letters == sign).any()) for sign in b"&<>\r")
    return Look(
        shortest=shortest,
        longest=longest,
        plain=low >= 0x20 and high < 0x7F,
        markup=markup,
        forbidden=low < 0x20 or bool(high >= 0xEF and (letters == 0xEF).any()),
        spaced=bool(_BLANKS[first].any()),
        quoted=bool(_FORMULAS[first].any()),
        underscored=low <= 0x5F and bool((letters == 0x5F).any()),
        closed=low <= 0x20 and bool((letters[begins + lengths - 1] <= 0x20).any()),
    )


@dataclass(frozen=True)
class Value:
    """A column of values to write, and how it looks."""

    values: pl.Series
    look: Look

    @property
    def absent(self) -> int:
        """How many rows have no value."""
        return int(self.values.null_count())


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
    plain = _plain(found)
    if plain is None:
        column = pl.col(found.values.name)
        pointed = column.str.contains(".", literal=True)
        short = column.str.strip_chars_end("0").str.strip_chars_end(".")
        chosen = pl.when(pointed).then(short).otherwise(column)
        text = found.values.to_frame().select(chosen).to_series()
        return Number(text, look(text))
    lengths, places, led = plain
    values = found.values
    if (lengths < values.str.len_bytes().fill_null(0).to_numpy()).any():
        cut = {"text": values, "letters": pl.Series(lengths)}
        values = pl.DataFrame(cut).select(pl.col("text").str.head(pl.col("letters"))).to_series()
    there = lengths[lengths > 0]
    seen = replace(found.look, shortest=int(there.min()), longest=int(there.max()), plain=True)
    return Number(values, seen, places, led)


def _plain(found: Value) -> tuple[np.ndarray, np.ndarray, bool] | None:
    """Lengths without trailing zeros, decimals, and whether zeros lead; None for other texts."""
    letters, at = bytes_of(found.values)
    if not found.look.plain or at[0] == at[-1]:
        return None
    used = letters[at[0] : at[-1]]
    if used.min() < 0x2E or used.max() > 0x39 or (used == 0x2F).any():
        return None
    points = np.flatnonzero(used == 0x2E) + at[0]
    rows = np.searchsorted(at, points, side="right") - 1
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
    return lengths, places, led


@dataclass(frozen=True)
class Texts:
    """A frame whose columns are written as text; what was looked at once is remembered."""

    frame: pl.DataFrame
    _found: dict[object, Value] = field(default_factory=dict)
    _numbers: dict[object, Number] = field(default_factory=dict)

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

    def xml(self, found: Value) -> pl.Series:
        """Values as they stand in an XML text."""
        return found.values.str.replace_many(ESCAPES) if found.look.markup else found.values

    def _once(self, key: object, made: Callable[[], Value]) -> Value:
        if key not in self._found:
            self._found[key] = made()
        return self._found[key]

    def _raw(self, source: str) -> Value:
        if source not in self.frame.columns:
            values = pl.Series(source, [None], dtype=pl.String).new_from_index(0, len(self.frame))
            return Value(values, look(values))
        values = self.frame[source].cast(pl.String)
        found = look(values)
        if found.shortest == 0 and values.null_count() < len(values):
            values = (
                values.to_frame()
                .select(pl.when(pl.col(source) != "").then(pl.col(source)))
                .to_series()
            )
            found = look(values)
        return Value(values, found)

    def _standing(self, source: str) -> Value:
        found = self.raw(source)
        if not found.look.spaced:
            return found
        column = pl.col(source)
        stands = column.str.strip_chars() != ""
        frame = found.values.to_frame()
        if frame.select(stands.all()).item():
            return found
        values = frame.select(pl.when(stands).then(column)).to_series()
        return Value(values, look(values))

    def _value(self, sources: tuple[str, ...], default: str) -> Value:
        found = self.standing(sources[0])
        if not found.absent:
            return found
        others = [self.standing(one).values.alias(f"{at}") for at, one in enumerate(sources)]
        last = pl.lit(default or None, dtype=pl.String)
        frame = pl.DataFrame(others)
        values = frame.select(pl.coalesce(*frame.columns, last).alias(sources[0])).to_series()
        return Value(values, look(values))


def together(pieces: Iterable[str | pl.Series], height: int) -> pl.Series:
    """One text a row of the pieces, absent ones left out; a literal is the same in all rows."""
    merged: list[str | pl.Series] = []
    for piece in pieces:
        # Neighbouring literals become one: half the cost.
        if isinstance(piece, str) and merged and isinstance(merged[-1], str):
            merged[-1] += piece
        else:
            merged.append(piece)
    columns = {str(at): one for at, one in enumerate(merged) if isinstance(one, pl.Series)}
    if not columns:
        return pl.repeat("".join(str(one) for one in merged), height, eager=True)
    parts = [pl.lit(one) if isinstance(one, str) else str(at) for at, one in enumerate(merged)]
    whole = pl.concat_str(parts, ignore_nulls=True)
    return pl.DataFrame(columns).select(whole.alias("text")).to_series()
