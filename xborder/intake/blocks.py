"""A delimited file of any size as tables of whole rows (分块), at the speed of columns.

A block of plain text, whose quotation marks all belong to well-formed quoted fields, is parsed
by Polars; what is not plain is read by Python's strict reader, row by row, up to the next true
end of a row, and the block after it is fast again. Both give the same cells, sizes and physical
lines; the proof that a block is plain comes first, for Polars pads and cuts rows silently.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

import polars as pl

from xborder.intake import delimited, grid
from xborder.intake.delimited import Form
from xborder.intake.stream import Stream

BLOCK = 16 * 1024 * 1024
"""Bytes of text in a block, where ``Limits.block_rows`` rows are more."""
PROBE = 256 * 1024
HELD = 48 * 1024 * 1024
"""Bytes of tables that are kept between the two looks at a file."""


QUOTE = re.compile(rb'"')


@dataclass(frozen=True)
class Part:
    """A block of rows: where it lies, and its table unless it was too much to hold.

    ``height``: how many rows. ``regular``: one line a row, none ragged. ``whole``: the table has
    every column that is read. ``data``: every row was found to be one of data.
    """

    length: int
    rows_before: int
    lines_before: int
    regular: bool
    frame: pl.DataFrame | None
    height: int = 0
    whole: bool = True
    data: bool = False


def first_parts(
    stream: Stream, form: Form, header: int, glance: Callable[[], Form | None]
) -> Iterator[Part]:
    """All blocks of a text, its rows up to the header's (number ``header``) as the first.

    ``glance`` is asked before each block: the form by which fewer columns will do, or None; a
    block that these do not tell enough of comes whole. Raises Refused as ``delimited.rows``.
    """
    part = _careful(stream, form, Part(0, 0, 0, False, None), rows=header)
    while part.length:
        yield part
        part = _next(stream, form, part, glance())


def _next(stream: Stream, form: Form, last: Part, glance: Form | None) -> Part:
    assert last.frame is not None
    lines = last.lines_before + int(last.frame["lines"].sum())
    part = Part(0, last.rows_before + last.height, lines, False, None)
    size = _size(stream.window(PROBE), form.limits.block_rows)
    block, signs = _whole_rows(stream.whole_lines(size), form, stream.ended)
    for asked in (glance, form):
        if asked is None:
            continue
        frame = _plain(block, asked, signs) if block else None
        if frame is None:
            return _careful(stream, form, part, upto=len(block) or size)
        regular = not frame["ragged"].max() and int(frame["lines"].sum()) == frame.height
        part = replace(part, length=len(block), height=frame.height, regular=regular)
        whole = asked is form
        frame = grid.described(_numbered(frame, part), asked.heads, whole=whole)
        if frame is not None:
            stream.take(len(block))
            return replace(part, frame=frame, whole=whole)
    raise AssertionError


def _size(probe: bytes, rows: int) -> int:
    """Bytes that some ``rows`` lines fill."""
    lines = probe.count(b"\n")
    return min(BLOCK, len(probe) * rows // lines) if lines else BLOCK


def again(stream: Stream, form: Form, part: Part) -> pl.DataFrame:
    """The table of a part, read once more; the stream stands before it.

    Of a part that is all data it is not told anew what its rows are (``grid.TELLING``).
    """
    block = stream.window(part.length) if part.rows_before else b""
    if part.regular:
        frame = _parsed(block, form, part.height)
    else:
        frame = _plain(block, form, _signs(block, form)) if block else None
    if frame is None:
        read = _careful(stream, form, part, upto=part.length)
        assert read.frame is not None
        return read.frame.drop(grid.TELLING) if part.data else read.frame
    stream.take(len(block))
    frame = _numbered(frame, part)
    described = frame if part.data else grid.described(frame, form.heads)
    assert described is not None
    return described


def _numbered(frame: pl.DataFrame, part: Part) -> pl.DataFrame:
    before = part.rows_before
    row = pl.int_range(before + 1, before + 1 + pl.len(), dtype=pl.UInt32)
    return frame.with_columns(row=row)


def _careful(
    stream: Stream, form: Form, part: Part, *, upto: int = 0, rows: int | None = None
) -> Part:
    """Rows by Python's reader until ``upto`` bytes are passed or so many rows are read."""
    start = stream.position
    end = None if rows is not None else start + upto
    frame = delimited.rows(stream, form, part.rows_before, part.lines_before, end=end, most=rows)
    return replace(
        part,
        length=stream.position - start,
        height=frame.height,
        regular=False,
        whole=True,
        frame=grid.described(_numbered(frame, part), form.heads),
    )


def _whole_rows(lines: bytes, form: Form, ended: bool) -> tuple[bytes, bytes]:
    """The whole rows among whole lines, by the parity of the quotation marks, and their ``_signs``;
    nothing if no row ends there."""
    signs = _signs(lines, form)
    at = len(lines)
    odd = form.quoted and not ended and signs.count(b'"') & 1
    if not odd:
        return lines, signs
    while odd and at:
        # The line end lies inside a field: go back before the mark that opened it.
        mark = lines.rfind(b'"', 0, at)
        before = lines.rfind(b"\n", 0, mark) + 1
        odd = lines.count(b'"', before, mark) & 1
        at = before
    return lines[:at], _signs(lines[:at], form)


def _signs(block: bytes, form: Form) -> bytes:
    """What parts cells and rows, and nothing else: a tenth of the block."""
    return block.translate(None, _all_but(form.separator + (b'\r\n"' if form.quoted else b"\r\n")))


def _plain(block: bytes, form: Form, signs: bytes) -> pl.DataFrame | None:
    """The cells of a plain block by Polars, or None when Python's reader has to look at it.

    ``signs``: its ``_signs``.
    """
    separator, newline = form.separator, b"\n"
    full = separator * (form.width - 1) + newline
    if form.unusual:
        return None
    if b"\r" in signs and block.count(b"\r\n") != signs.count(b"\r"):
        return None
    signs = signs.replace(b"\r", b"")
    folded = False
    if b'"' in signs and form.quoted:
        if not _well_quoted(block, separator, signs.count(b'"')):
            return None
        parts = signs.split(b'"')
        folded = newline in b"".join(parts[1::2])
        if folded:
            # A NUL stands for each line end inside a field; the text itself has none.
            parts[1::2] = [b"\0" * part.count(newline) for part in parts[1::2]]
        signs = b"".join(parts if folded else parts[::2])
    if not signs.endswith(newline):
        signs += newline
    height = signs.count(newline)
    if signs == full * height:
        return _parsed(block, form, height) if _short_lines(block, form, 1) else None
    records = signs.split(newline)[:-1]
    sizes = [record.count(separator) + 1 for record in records]
    lines = [record.count(b"\0") + 1 for record in records] if folded else None
    if max(sizes) > form.width or not _short_lines(block, form, max(lines or [1])):
        return None
    # An empty row of full width tells Polars how many columns there are.
    lines = [1, *lines] if lines else None
    frame = _parsed(full + block, form, height + 1, [form.width, *sizes], lines)
    return None if frame is None else frame.slice(1)


@cache
def _all_but(kept: bytes) -> bytes:
    return bytes(one for one in range(256) if one not in kept)


def _short_lines(block: bytes, form: Form, most: int) -> bool:
    """Whether no row of at most ``most`` lines can hold a field beyond the longest allowed."""
    step = form.limits.field_characters // (2 * most)
    if step < 1:
        return False
    # With a line end in every step no line is as long as two of them.
    return all(block.find(b"\n", at, at + step) >= 0 for at in range(0, len(block) - step, step))


def _well_quoted(block: bytes, separator: bytes, count: int) -> bool:
    """Whether every quotation mark opens a field at its start, closes it, or is doubled in it.

    ``count`` is the number of marks.
    """
    if count % 2:
        return False
    if len(_field(separator).findall(block)) * 2 == count:
        return True
    marks = [found.start() for found in QUOTE.finditer(block)]
    # A mark next to a mark: the field was closed and opened, which is how one is doubled.
    before = {separator[0], 10, 34}
    after = before | {13}
    padded = block + b"\n"
    opened = {padded[at - 1] for at in marks[::2]}
    closed = {padded[at + 1] for at in marks[1::2]}
    return opened <= before and closed <= after


@cache
def _field(separator: bytes) -> re.Pattern[bytes]:
    """A quoted field within a row, no mark in it; it begins with what is quickly searched, and
    only the mark that ends it is handed out."""
    one = re.escape(separator)
    return re.compile(b'"(?<=[' + one + b'\n]")[^"]*+(")(?=[' + one + b"\r\n])")


def _parsed(
    block: bytes,
    form: Form,
    height: int,
    sizes: list[int] | None = None,
    lines: list[int] | None = None,
) -> pl.DataFrame | None:
    try:
        cells = pl.read_csv(
            block,
            has_header=False,
            infer_schema=False,
            separator=form.separator.decode(),
            quote_char='"' if form.quoted else None,
            columns=list(form.kept),
            truncate_ragged_lines=True,
            raise_if_empty=False,
        )
    except pl.exceptions.PolarsError:
        return None
    if cells.height != height:
        return None
    # Once: with the columns to come, which are whole, each step would put its pieces together.
    cells = cells.rechunk()
    cells.columns = list(form.heads)
    needed = form.kept[-1] + 1
    ragged = [0 if size >= needed else size for size in sizes] if sizes else None
    return cells.select(
        (pl.Series(lines, dtype=pl.UInt32) if lines else pl.lit(1, pl.UInt32)).alias("lines"),
        (pl.Series(ragged, dtype=pl.UInt32) if ragged else pl.lit(0, pl.UInt32)).alias("ragged"),
        pl.all(),
    )
