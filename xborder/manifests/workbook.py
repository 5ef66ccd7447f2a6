"""``manifest.xlsx``: what a manifest holds, for people (清单批次工作簿).

Three sheets: 汇总 Summary (what the lists share, counts, totals), 清单 Lists (one row a list),
商品 Goods (one row a goods line). Numbers are numbers, codes are text.
"""

from typing import Any

import polars as pl

from xborder.clock import SHANGHAI
from xborder.manifests.batches import Manifest
from xborder.manifests.sheets import BODY, HEAD, LABEL, QUIET, ROWS, TITLE, Book, columns, table

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


def write(
    manifest: Manifest,
    heads: pl.DataFrame,
    items: pl.DataFrame,
    summed: dict[str, Any],
    limit: int = ROWS,
) -> bytes:
    """The workbook's bytes; the same manifest gives the same bytes.

    ``heads`` in the order of the messages, ``items`` in order of list and ``gnum`` (CEB603
    columns); ``summed`` are the ``totals``. ``limit``: rows of a sheet before a further begins.
    """
    book = Book(manifest.number, manifest.issued_at, streamed=True)
    _summary(book, manifest, summed)
    counted = items.group_by("list_id").agg(pl.len().alias("lines"))
    listed = heads.join(counted, on="list_id", maintain_order="left").with_columns(
        place=pl.int_range(1, pl.len() + 1)
    )
    table(book, "清单 Lists", columns("lists"), listed.iter_rows(named=True), manifest.names, limit)
    goods = items.join(
        heads.select("list_id", "copNo", "orderNo"), on="list_id", maintain_order="left"
    )
    table(book, "商品 Goods", columns("goods"), goods.iter_rows(named=True), manifest.names, limit)
    return book.close()


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
