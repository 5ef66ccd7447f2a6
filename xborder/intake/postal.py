"""Postal data (收件人资料): the buyer's name, address, phone and e-mail, read apart from all else.

No reading of a file holds them. For an exporter whose profile keeps them the file is gone over
once more: its rows by number, with nothing but the columns that its layout names as postal, in
a child process and block by block as ever.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any, BinaryIO

import polars as pl

from xborder.intake import biff, delimited, headers, json_orders, preflight, workbook
from xborder.intake.grid import Row
from xborder.intake.headers import normal
from xborder.intake.layouts import Layout, all_layouts, mappings
from xborder.intake.limits import Limits
from xborder.intake.nursery import Nursery
from xborder.intake.stream import Stream

FIELDS = (
    "name", "surname", "company", "phone", "email", "address1", "address2", "address3",
    "district", "city", "province", "postcode",
)  # fmt: skip

JSON = "json"
BLOCK_ROWS = 50_000
MOST_CHARACTERS = 500
ROWS: dict[str, pl.DataType] = {
    "sheet": pl.String(), "row": pl.UInt32(), **{name: pl.String() for name in FIELDS}
}  # fmt: skip
"""A row of the file that tells any postal data; absent fields are null."""

_Rows = Iterator[tuple[str, int, list[str | None]]]


def layout_of(name: str | None, own: Mapping[str, str]) -> Layout | None:
    """The layout of that name, if it says where postal data stand; ``own``: an exporter's
    mappings, of which one that adds headers to a channel's layout says what that does."""
    known = (*all_layouts(), *mappings(own))
    return next((one for one in known if one.layout == name and one.postal), None)


def read_rows(
    source: BinaryIO,
    layout: str,
    encoding: str | None,
    *,
    keep: Callable[[pl.DataFrame], None],
    limits: Limits,
    nursery: Nursery,
    own: Mapping[str, str],
) -> None:
    """The postal rows (columns ``ROWS``) of a file that was read as ``layout``; ``keep`` takes
    them in blocks.

    Raises RuntimeError when the reader died: the same file was read before.
    """
    order = {"postal": layout, "encoding": encoding, "limits": asdict(limits)}
    order |= {"mappings": dict(own)}

    def take(_: dict[str, Any], tables: list[pl.DataFrame]) -> None:
        for one in tables:
            keep(one)

    if code := nursery.read(order, source.fileno(), limits, take):
        raise RuntimeError(f"the postal reader ended with {code}")


def parse(
    file: BinaryIO,
    name: str,
    encoding: str | None,
    limits: Limits,
    send: Callable[[pl.DataFrame], None],
    own: Mapping[str, str],
) -> None:
    """In the child: the same."""
    layout = layout_of(name, own)
    if layout is None:
        return
    rows = _rows(file, layout, encoding, limits)
    block: list[tuple[object, ...]] = []
    for sheet, number, texts in rows:
        if any(texts):
            block.append((sheet, number, *texts))
        if len(block) >= BLOCK_ROWS:
            send(_frame(block))
            block.clear()
    if block:
        send(_frame(block))


def _rows(file: BinaryIO, layout: Layout, encoding: str | None, limits: Limits) -> _Rows:
    """The rows by whatever reader the file was read with, also out of a ZIP."""
    file.seek(0)
    if file.read(2) == b"PK":
        file.seek(0)
        inner = preflight.enclosed(file.read(), limits)
        file = file if inner is None else io.BytesIO(inner)
    file.seek(0)
    if encoding == JSON:
        return _text(json_orders.as_csv(file.read(), limits), layout, "utf-8", limits)
    return _text(file, layout, encoding, limits) if encoding else _sheets(file, layout, limits)


def _frame(block: list[tuple[object, ...]]) -> pl.DataFrame:
    return pl.DataFrame(block, schema=ROWS, orient="row")


def _places(header: Row, layout: Layout) -> list[int | None]:
    """The column of each field: of the first of its heads that stands there."""
    heads: dict[str, int] = {}
    for at, text in enumerate(header.texts):
        if text and text.strip():
            heads.setdefault(normal(text), at)
    return [
        next((heads[normal(one)] for one in layout.postal.get(name, ()) if normal(one) in heads),
             None)
        for name in FIELDS
    ]  # fmt: skip


def _chosen(texts: Any, places: list[int | None]) -> list[str | None]:
    found = []
    for at in places:
        text = texts[at] if at is not None and at < len(texts) else None
        found.append((text or "").strip()[:MOST_CHARACTERS] or None)
    return found


def _sheets(file: BinaryIO, layout: Layout, limits: Limits) -> _Rows:
    data = file.read()
    if preflight.file_type(data) == "xlsx":
        sheets = workbook.read(preflight.unpack(data, limits), limits)
    else:
        sheets = biff.read(data, limits)
    for sheet in sheets:
        known = headers.recognise(delimited.first_rows(sheet), [layout])
        if sheet.hidden or known.header is None:
            continue
        places = _places(known.header, layout)
        for row in sheet.rows:
            if row.number > known.header.number:
                yield sheet.name, row.number, _chosen(row.texts, places)


def _text(file: BinaryIO, layout: Layout, encoding: str, limits: Limits) -> _Rows:
    stream = Stream(file, encoding)
    begin = stream.window(4 * delimited.PREVIEW_CHARACTERS).decode(errors="ignore")
    found = [
        (headers.recognise(delimited.first_rows(one), [layout]), delimiter)
        for delimiter in delimited.declared_delimiter(begin) or delimited.DELIMITERS
        for one in (delimited.preview(begin, delimiter, layout.quotes(delimiter), limits),)
    ]
    known, delimiter = max(found, key=lambda one: one[0].weight)
    if known.header is None:
        return
    places = _places(known.header, layout)
    width = len(known.header.texts)
    for number, (cells, _) in enumerate(
        delimited.records(stream.lines(), delimiter, layout.quotes(delimiter), limits, width=width),
        1,
    ):
        if number > known.header.number:
            yield "", number, _chosen(cells, places)
