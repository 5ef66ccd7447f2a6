"""``manifest.xlsx``: what a manifest holds, for people (清单批次工作簿).

Three sheets: 汇总 Summary (what the lists share, counts, totals), 清单 Lists (one row a list),
商品 Goods (one row a goods line). Numbers are numbers, codes are text.

XlsxWriter makes the package with its styles, heads and the summary; the rows of lists and goods
are put into it as XML (``cells``), for all manifests of a group at once.
"""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np

from xborder.clock import SHANGHAI
from xborder.manifests import cells
from xborder.manifests.batches import Manifest
from xborder.manifests.group import Group
from xborder.manifests.sheets import BODY, HEAD, LABEL, QUIET, ROWS, TITLE, Book, columns, table
from xborder.manifests.texts import Texts, bytes_of

LEVEL = 1
"""How hard rows are packed: a higher level costs several times as much and gains little."""

KIND_NAMES = {
    "lists": ("清单申报（订单 + 清单）", "clearance lists (orders + lists)"),
    "declarations": ("报关单申报（订单 + 报关单草单）", "full declarations (orders + drafts)"),
}
"""Kind of a manifest → what it is, zh and en."""

ROUTE_NAMES = {"list": "清单 list", "declaration": "报关单 declaration"}

SIGNATURE = "to be signed by the client / 由客户端加签"

_COUNTS = (
    ("lists", "count", "清单数", "lists"),
    ("goods_lines", "count", "商品项数", "goods lines"),
    ("packages", "count", "件数", "packages"),
    ("gross_weight_kg", "number", "毛重（千克）", "gross weight, kg"),
    ("net_weight_kg", "number", "净重（千克）", "net weight, kg"),
)


def batch_values(manifest: Manifest) -> list[dict[str, str]]:
    """What the lists share: field, value, name of a coded value, labels zh and en."""
    return [
        {
            "field": one.source,
            "value": manifest.key.get(one.source, ""),
            "name": ROUTE_NAMES.get(manifest.key["route"], "")
            if one.source == "route"
            else manifest.name(one.codes, manifest.key.get(one.source)),
            "zh": one.zh,
            "en": one.en,
        }
        for one in columns("batch")
    ]


@dataclass(frozen=True)
class Rows:
    """The rows of one table as XML, those of several workbooks one after another; row ``i`` is
    at ``at[i]``."""

    name: str
    columns: str
    letters: memoryview
    at: np.ndarray

    def sheets(self, rows: slice, limit: int) -> Iterator[tuple[str, int, memoryview]]:
        """The sheets that a workbook's rows need: name, rows, and their XML."""
        for serial, start in enumerate(range(rows.start, rows.stop, limit - 1), start=1):
            stop = min(start + limit - 1, rows.stop)
            name = self.name if serial == 1 else f"{self.name} {serial}"
            yield name, stop - start, self.letters[self.at[start] : self.at[stop]]


def write(group: Group, summed: list[dict[str, Any]], limit: int = ROWS) -> list[bytes]:
    """The workbooks' bytes, one a manifest; the same manifest gives the same bytes.

    ``summed`` are the ``totals``. ``limit``: rows of a sheet before a further begins.
    """
    spans = list(group.spans())
    names = group.manifests[0].names
    listed = rows("清单 Lists", "lists", group.heads, [one for _, one, _ in spans], names, limit)
    goods = rows("商品 Goods", "goods", group.items, [one for *_, one in spans], names, limit)
    return [
        _book(manifest, told, [(listed, lists), (goods, lines)], limit)
        for (manifest, lists, lines), told in zip(spans, summed, strict=True)
    ]


def rows(
    name: str,
    what: str,
    texts: Texts,
    spans: list[slice],
    names: Mapping[str, Mapping[str, str]],
    limit: int = ROWS,
) -> Rows:
    """The rows of a table (``what``: its columns) for workbooks that have ``spans`` of it."""
    # The first row of a sheet holds the heads.
    places = np.concatenate([np.arange(one.stop - one.start) % (limit - 1) + 2 for one in spans])
    letters, at = bytes_of(cells.rows(columns(what), texts, places, names, _styles()))
    return Rows(name, what, letters.data, at)


@cache
def _styles() -> cells.Styles:
    """The numbers of the rows' styles: those of any book, see ``_begun``."""
    return cells.styles(Book("", datetime(2000, 1, 1, tzinfo=UTC)))


def begun(title: str, issued_at: datetime) -> Book:
    """A workbook whose tables are written by ``closed``."""
    book = Book(title, issued_at)
    # Asked first of all, so that the summary's own looks come after them.
    cells.styles(book)
    return book


def _book(
    manifest: Manifest, summed: dict[str, Any], tables: list[tuple[Rows, slice]], limit: int
) -> bytes:
    book = begun(manifest.number, manifest.issued_at)
    _summary(book, manifest, summed)
    return closed(book, tables, limit)


def closed(book: Book, tables: list[tuple[Rows, slice]], limit: int = ROWS) -> bytes:
    """The bytes of a workbook of one sheet, with the given rows of tables as further sheets."""
    rows = []
    for one, span in tables:
        for name, count, letters in one.sheets(span, limit):
            table(book, name, columns(one.columns), count)
            rows.append((count, letters))
    return _filled(
        book.close(), {f"xl/worksheets/sheet{at}.xml": one for at, one in enumerate(rows, start=2)}
    )


def _filled(empty: bytes, rows: dict[str, tuple[int, memoryview]]) -> bytes:
    """A package with rows below the heads of its sheets."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(empty)) as old, zipfile.ZipFile(sink, "w") as new:
        for member in old.infolist():
            data = old.read(member)
            if member.filename not in rows:
                new.writestr(member, data)
                continue
            count, letters = rows[member.filename]
            before, mark, after = data.partition(b"</sheetData>")
            before = re.sub(rb'(<dimension ref="A1:[A-Z]+)1"', rb'\g<1>%d"' % (count + 1), before)
            new.writestr(member, b"".join((before, letters, mark, after)), None, LEVEL)
    return sink.getvalue()


def _summary(book: Book, manifest: Manifest, summed: dict[str, Any]) -> None:
    sheet = book.sheet("汇总 Summary")
    for index, width in enumerate((24, 24, 34, 26, 14)):
        sheet.set_column(index, index, width)
    sheet.set_row(0, 30)
    book.text(sheet, 0, 0, f"清关清单批次 Clearance manifest  {manifest.number}", TITLE)
    zh, en = KIND_NAMES[manifest.kind]
    issued = manifest.issued_at.astimezone(SHANGHAI)
    book.text(sheet, 1, 0, f"{zh} · {en}", QUIET | {"text_wrap": False})
    book.text(
        sheet, 2, 0, f"制单时间 issued at {issued:%Y-%m-%d %H:%M:%S} (Asia/Shanghai)  ·  "
        f"电子签名 signature: {SIGNATURE}", QUIET | {"text_wrap": False},
    )  # fmt: skip
    row = 4
    for one in batch_values(manifest):
        book.text(sheet, row, 0, one["zh"], LABEL)
        book.text(sheet, row, 1, one["en"], LABEL, {"bold": False})
        book.value(sheet, row, 2, "text", one["value"], BODY)
        book.value(sheet, row, 3, "name", one["name"], BODY)
        row += 1
    for key, kind, zh, en in _COUNTS:
        book.text(sheet, row, 0, zh, LABEL)
        book.text(sheet, row, 1, en, LABEL, {"bold": False})
        book.value(
            sheet, row, 2, kind, summed[key], BODY, {"bold": True, "align": "left", "indent": 1}
        )
        row += 1
    row = _totals(book, sheet, row + 1, manifest, "币制", "currency", summed["by_currency"])
    _totals(book, sheet, row + 1, manifest, "品目", "HS heading", summed["by_heading"])


def _totals(
    book: Book,
    sheet: Any,
    row: int,
    manifest: Manifest,
    zh: str,
    en: str,
    rows: list[dict[str, Any]],
) -> int:
    by_heading = "heading" in rows[0]
    titles = (
        f"按{zh}合计\nby {en}", "币制\ncurrency", "总价\ntotal", "清单数\nlists", "商品项数\nlines",
    )  # fmt: skip
    sheet.set_row(row, 30)
    for index, title in enumerate(titles):
        book.text(sheet, row, index, title, HEAD)
    for one in rows:
        row += 1
        currency = manifest.name("currency.customs", one["currency"])
        book.value(sheet, row, 0, "text", one["heading"] if by_heading else one["currency"], BODY)
        book.value(sheet, row, 1, "text", f"{one['currency']} {currency}".strip(), BODY)
        book.value(sheet, row, 2, "money", one["total"], BODY)
        book.value(sheet, row, 3, "count", one["lists"], BODY)
        book.value(sheet, row, 4, "count", one["goods_lines"], BODY)
    return row + 1
