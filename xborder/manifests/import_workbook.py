"""The workbook for offices where lists are typed in or imported by hand (清单导入表).

Every element of a list under its name in the message (CEB603): one sheet of heads, one of goods
lines, tied by copNo. All cells are text, exactly as the message says them.
"""

import csv
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

import polars as pl

from xborder.manifests.group import Group
from xborder.manifests.messages import Field, fields
from xborder.manifests.sheets import BODY, HEAD, ROWS, Book

KIND = "CEB603"

SHEETS = (("表头 Heads", "InventoryHead"), ("表体 Goods", "InventoryList"))


def render(group: Group) -> bytes:
    """The import workbook of one manifest of lists; the same manifest gives the same bytes.

    Raises ValueError for a group of several manifests, and for one of full declarations.
    """
    (manifest,) = group.manifests
    if manifest.kind != "lists":
        raise ValueError(f"{manifest.number} holds no lists")
    book = Book(f"清单导入表 {manifest.number}", manifest.issued_at)
    for (name, parent), texts in zip(SHEETS, (group.heads, group.items), strict=True):
        told = [(one, texts.value(one.sources, one.default).values) for one in _leaves(parent)]
        if parent == "InventoryList":
            copno = next(one for one in _leaves("InventoryHead") if one.element == "copNo")
            told.insert(0, (copno, texts.frame["copNo"]))
        _sheets(book, name, told)
    return book.close()


def _leaves(parent: str) -> Iterator[Field]:
    return (one for one in fields(KIND) if one.parent == parent and one.type in ("C", "N"))


def _sheets(book: Book, name: str, told: list[tuple[Field, pl.Series]]) -> None:
    rows = len(told[0][1])
    titles = [f"{_names()[one.element]}\n{one.element}" for one, _ in told]
    cells = [values.cast(pl.String).fill_null("").to_list() for _, values in told]
    for serial, start in enumerate(range(0, rows, ROWS - 1), start=1):
        sheet = book.sheet(name if serial == 1 else f"{name} {serial}")
        sheet.set_row(0, 36)
        for column, (title, values) in enumerate(zip(titles, cells, strict=True)):
            part = values[start : start + ROWS - 1]
            sheet.set_column(column, column, min(max(map(len, [*part, title])) + 3, 40))
            sheet.write_string(0, column, title, book.look(HEAD))
            for row, value in enumerate(part, start=1):
                book.text(sheet, row, column, value, BODY)
        sheet.freeze_panes(1, 1)
        sheet.autofilter(0, 0, min(rows, ROWS - 1), len(told) - 1)


@cache
def _names() -> dict[str, str]:
    """Element → its Chinese name, from the field table."""
    table = files(__package__).joinpath("fields", f"{KIND}.csv").read_text("utf-8")
    rows = csv.DictReader(table.splitlines())
    return {row["element"]: row["note"].split("；")[0].split(";")[0] for row in rows}
