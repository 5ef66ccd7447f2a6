"""A delimited file of any size as tables of whole rows (分块), at the speed of columns.

A block of plain text, whose quotation marks all belong to well-formed quoted fields, is parsed
by Polars; what is not plain is read by Python's strict reader, row by row, up to the next true
end of a row, and the block after it is fast again. Both give the same cells, sizes and physical
lines; the proof that a block is plain comes first, for Polars pads and cuts rows silently.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import polars as pl

from xborder.intake import delimited, grid
from xborder.intake.delimited import Form
from xborder.intake.stream import Stream

BLOCK = 16 * 1024 * 1024
"""Bytes of text in a block, where ``Limits.block_rows`` rows are more."""
HELD = 96 * 1024 * 1024
"""Bytes of tables that are kept between the two looks at a file."""


@dataclass(frozen=True)
class Part:
    """A block of rows: where it lies, and its table unless it was too much to hold."""

    length: int
    rows_before: int
    lines_before: int
    regular: bool
    frame: pl.DataFrame | None


def first_parts(stream: Stream, form: Form, header: int) -> Iterator[Part]:
    """All blocks of a text, its rows up to the header's (number ``header``) as the first.

    Raises Refused as ``delimited.rows``.
    """
    part = _careful(stream, form, Part(0, 0, 0, False, None), rows=header)
    while part.length:
        yield part
        part = _next(stream, form, part)


def _next(stream: Stream, form: Form, last: Part) -> Part:
    frame = last.frame
    assert frame is not None
    lines = last.lines_before + int(frame["lines"].sum())
    place = Part(0, last.rows_before + frame.height, lines, False, None)
    seen = stream.window(BLOCK)
    window = _few(seen, form.limits.block_rows)
    length = _cut(window, form.quoted, stream.ended and len(window) == len(seen))
    return _read(stream, form, replace(place, length=length), window)


def _few(window: bytes, rows: int) -> bytes:
    """As much of a window as some ``rows`` lines fill."""
    lines = window.count(b"\n")
    return window if lines <= rows else window[: len(window) * rows // lines]


def again(stream: Stream, form: Form, part: Part) -> pl.DataFrame:
    """The table of a part, read once more; the stream stands before it."""
    if not part.rows_before:
        read = _careful(stream, form, part, upto=part.length)
    else:
        read = _read(stream, form, part, stream.window(part.length))
    assert read.frame is not None
    return read.frame


def _read(stream: Stream, form: Form, part: Part, window: bytes) -> Part:
    block = window[: part.length]
    frame = _plain(block, form, part.regular) if block else None
    if frame is None:
        return _careful(stream, form, part, upto=part.length or len(window))
    stream.take(len(block))
    regular = not frame["ragged"].max() and int(frame["lines"].sum()) == frame.height
    return replace(part, regular=regular, frame=_numbered(frame, form, part.rows_before))


def _numbered(frame: pl.DataFrame, form: Form, before: int) -> pl.DataFrame:
    row = pl.int_range(before + 1, before + 1 + pl.len(), dtype=pl.UInt32)
    return grid.described(frame.with_columns(row=row), form.heads)


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
        regular=False,
        frame=_numbered(frame, form, part.rows_before),
    )


def _cut(window: bytes, quoted: bool, ended: bool) -> int:
    """Where the last whole row ends, by the parity of the quotation marks; 0 if none does."""
    if ended:
        return len(window)
    at = window.rfind(b"\n") + 1
    odd = quoted and window.count(b'"', 0, at) & 1
    while odd and at:
        # The line end lies inside a field: go back before the mark that opened it.
        mark = window.rfind(b'"', 0, at)
        before = window.rfind(b"\n", 0, mark) + 1
        odd = window.count(b'"', before, mark) & 1
        at = before
    return at


def _plain(block: bytes, form: Form, regular: bool) -> pl.DataFrame | None:
    """The cells of a plain block by Polars, or None when Python's reader has to look at it.

    ``regular``: the block has been found plain before, one line a row, none ragged.
    """
    if regular:
        return _parsed(block, form, block.count(b"\n") + (not block.endswith(b"\n")))
    if form.unusual or block.count(b"\r") != block.count(b"\r\n"):
        return None
    skeleton, folded = block, False
    if form.quoted and b'"' in block:
        parts = block.split(b'"')
        if not _well_quoted(parts, form.separator):
            return None
        folded = any(b"\n" in part for part in parts[1::2])
        if folded:
            # A NUL stands for each line end inside a field; the text itself has none.
            parts[1::2] = [b"\0" * part.count(b"\n") for part in parts[1::2]]
            skeleton = b"".join(parts)
        else:
            skeleton = b"".join(parts[::2])
    records = skeleton.split(b"\n")
    if not records[-1]:
        records.pop()
    sizes = [record.count(form.separator) for record in records]
    lines = [record.count(b"\0") + 1 for record in records] if folded else None
    physical = records if skeleton is block else block.split(b"\n")
    longest = max(map(len, physical)) * (max(lines) if lines else 1)
    widest = max(sizes)
    if longest > form.limits.field_characters or widest >= form.width:
        return None
    short = None if min(sizes) == widest == form.width - 1 else [size + 1 for size in sizes]
    return _parsed(block, form, len(records), short, lines)


def _well_quoted(parts: list[bytes], separator: bytes) -> bool:
    """Whether every quotation mark opens a field at its start, closes it, or is doubled in it.

    ``parts``: the text split at its marks, so that every second part lies inside a field.
    """
    if not len(parts) % 2:
        return False
    before, after = {separator[0], 10}, {separator[0], 10, 13}
    opened = {part[-1] for part in parts[0:-1:2] if part}
    closed = {part[0] for part in parts[2::2] if part}
    # Nothing between two marks: a doubled one. Before the first the text begins.
    return opened <= before and closed <= after


def _parsed(
    block: bytes,
    form: Form,
    height: int,
    sizes: list[int] | None = None,
    lines: list[int] | None = None,
) -> pl.DataFrame | None:
    # An empty row of full width tells Polars how many columns there are.
    guide = form.separator * (form.width - 1) + b"\n"
    try:
        cells = pl.read_csv(
            guide + block,
            has_header=False,
            infer_schema=False,
            separator=form.separator.decode(),
            quote_char='"' if form.quoted else None,
            columns=list(form.kept),
            truncate_ragged_lines=True,
            raise_if_empty=False,
        ).slice(1)
    except pl.exceptions.PolarsError:
        return None
    if cells.height != height:
        return None
    cells.columns = list(form.heads)
    needed = form.kept[-1] + 1
    ragged = [0 if size >= needed else size for size in sizes] if sizes else None
    return cells.select(
        (pl.Series(lines, dtype=pl.UInt32) if lines else pl.lit(1, pl.UInt32)).alias("lines"),
        (pl.Series(ragged, dtype=pl.UInt32) if ragged else pl.lit(0, pl.UInt32)).alias("ragged"),
        pl.all(),
    )
