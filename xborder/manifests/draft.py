"""Draft full declarations (报关单草单) of orders on the declaration route, for the broker.

One sheet an order, laid out like the export declaration form: the head, then the goods lines.
The attached document 10000004 carries the order number (R05). A draft declares nothing: the
broker completes it (two-digit packing code, place of origin) and files it.
"""

import re
from collections.abc import Iterator
from typing import Any

import polars as pl

from xborder.manifests.batches import Manifest
from xborder.manifests.sheets import (
    BODY,
    HEAD,
    LABEL,
    QUIET,
    TITLE,
    Book,
    Column,
    columns,
    set_height,
)

ORDERS_PER_WORKBOOK = 100
"""A workbook of more sheets than this is hard to open; further orders go into a further file."""

DECLARATION_LINES = 50
"""Lines of one export declaration (R19); more need a second one, which the draft says."""

TERMS = "3 FOB"
"""Terms of sale (成交方式): declared values are FOB."""

ATTACHED = "10000004"
"""Code of the attached document that ties a declaration to its order (CEB303)."""

_PAIRS = 4
_SPAN = 2


def write(manifest: Manifest, heads: pl.DataFrame, items: pl.DataFrame) -> dict[str, bytes]:
    """The draft workbooks by file name: ``declaration_draft.xlsx``, ``…_0002.xlsx`` and so on.

    ``heads`` and ``items`` as for ``workbook.write``; ``origin_country`` (ISO) of a line is
    shown where it is known, otherwise China is assumed to be the origin.
    """
    books = {}
    for start in range(0, len(heads), ORDERS_PER_WORKBOOK):
        part = heads.slice(start, ORDERS_PER_WORKBOOK)
        book = Book(f"{manifest.number} 报关单草单", manifest.issued_at)
        taken: set[str] = set()
        lines = items.join(part.select("list_id"), on="list_id", how="semi").partition_by(
            "list_id", as_dict=True, maintain_order=True
        )
        for head in part.iter_rows(named=True):
            goods = lines[(head["list_id"],)].iter_rows(named=True)
            _sheet(book, manifest, _sheet_name(head["orderNo"], taken), head, list(goods))
        serial = start // ORDERS_PER_WORKBOOK + 1
        name = "declaration_draft.xlsx" if serial == 1 else f"declaration_draft_{serial:04d}.xlsx"
        books[name] = book.close()
    return books


def _sheet_name(order_no: str, taken: set[str]) -> str:
    """A sheet's name of an order number: Excel allows 31 characters, not all, and no twins."""
    base = re.sub(r"[\[\]:*?/\\\x00-\x1f]", "_", order_no).strip("'")[:31] or "_"
    # Excel keeps the name "History" to itself.
    name, twin = (f"{base}_" if base.casefold() == "history" else base), 1
    while name.casefold() in taken:
        twin += 1
        suffix = f"~{twin}"
        name = base[: 31 - len(suffix)] + suffix
    taken.add(name.casefold())
    return name


def _sheet(
    book: Book, manifest: Manifest, name: str, head: dict[str, Any], goods: list[dict[str, Any]]
) -> None:
    sheet = book.sheet(name)
    titles = columns("draft goods")
    for index, one in enumerate(titles):
        sheet.set_column(index, index, one.width)
    last = len(titles) - 1
    sheet.set_row(0, 30)
    sheet.merge_range(
        0, 0, 0, last, "中华人民共和国海关出口货物报关单（草单）  Draft export declaration",
        book.look(TITLE, {"align": "center"}),
    )  # fmt: skip
    sheet.merge_range(
        1, 0, 1, last,
        f"批次 manifest {manifest.number}  ·  清单申报号 copNo {head['copNo']}  ·  "
        "草单，供申报单位补充后录入，不作申报用 — a draft for the broker to complete and file",
        book.look(QUIET, {"align": "center"}),
    )  # fmt: skip
    row = _head(book, sheet, 3, manifest, head)
    row = _goods(book, sheet, row + 1, titles, manifest, goods)
    if len(goods) > DECLARATION_LINES:
        book.text(
            sheet, row + 1, 0, f"超过 {DECLARATION_LINES} 项，须分单申报 — more than "
            f"{DECLARATION_LINES} lines: a second declaration is needed", {"bold": True},
        )  # fmt: skip
    sheet.freeze_panes(2, 0)


def _head(book: Book, sheet: Any, row: int, manifest: Manifest, head: dict[str, Any]) -> int:
    values = head | {"terms": TERMS, "orderNo": f"{ATTACHED} : {head['orderNo']}"}
    for place, one in enumerate(columns("draft")):
        line, pair = row + place // _PAIRS, place % _PAIRS
        if pair == 0:
            sheet.set_row(line, 30)
        column = pair * 2 * _SPAN
        _merged(book, sheet, line, column, "text", one.title, LABEL)
        value = values.get(one.source)
        if one.codes and value:
            value = f"{value} {manifest.name(one.codes, value)}".strip()
        _merged(book, sheet, line, column + _SPAN, one.kind, value, BODY)
    return row + -(-len(columns("draft")) // _PAIRS)


def _merged(
    book: Book, sheet: Any, row: int, column: int, kind: str, value: Any, look: dict[str, Any]
) -> None:
    """A value over two columns; merged first, then written by its kind."""
    shown = {"align": "left", "text_wrap": True, "indent": 1}
    sheet.merge_range(row, column, row, column + _SPAN - 1, "", book.look(look, shown))
    book.value(sheet, row, column, kind, value, look, shown)


def _goods(
    book: Book,
    sheet: Any,
    row: int,
    titles: tuple[Column, ...],
    manifest: Manifest,
    goods: list[dict[str, Any]],
) -> int:
    sheet.set_row(row, 34)
    for index, one in enumerate(titles):
        book.text(sheet, row, index, one.title, HEAD)
    for line in goods:
        row += 1
        set_height(sheet, row, titles, line)
        origin = line.get("origin_country") or "CN"
        for index, (one, value) in enumerate(
            zip(titles, _cells(titles, manifest, line | {"origin_country": origin}), strict=True)
        ):
            book.value(sheet, row, index, one.kind, value, BODY, one.wrapped)
    return row


def _cells(titles: tuple[Column, ...], manifest: Manifest, line: dict[str, Any]) -> Iterator[Any]:
    for one in titles:
        value = line.get(one.source)
        if one.kind == "name" and value:
            value = f"{value} {manifest.name(one.codes, value)}".strip()
        yield value
